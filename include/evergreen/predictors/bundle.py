"""Bundles: a folder of model bytes and a manifest, named by its digest; checked byte by byte before anything is parsed.

Nothing here unpickles, and nothing runs code that came with the bundle.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, RegistryError
from evergreen.files import join_uri
from evergreen.predictors.baseline import RateTable
from evergreen.predictors.boosted import BoostedModel
from evergreen.predictors.logistic import LogisticModel
from evergreen.predictors.manifest import COMPANIONS, FORMAT, MANIFEST_NAME, MODEL_FILES, PROFILE_NAME, BundleManifest
from evergreen.predictors.predictor import Model, Predictor
from evergreen.reference_profile import ReferenceProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evergreen.files import Files

MAX_MANIFEST_BYTES = 16 * 2**20
MAX_BUNDLE_BYTES = 2 * 2**30


def write_bundle(files: Files, bundles_uri: str, manifest: BundleManifest, contents: Mapping[str, bytes]) -> tuple[str, str]:
    """Write a bundle, its manifest last; one that is already there and sound is left alone.

    Args:
        files: Where files are.
        bundles_uri: Folder of a model's bundles.
        manifest: What the bundle says; its `files` must describe `contents` (`BundleFile.of`).
        contents: Bytes by file name: the files of `MODEL_FILES` and `COMPANIONS`.

    Returns:
        The bundle's address and its digest.
    """
    uri = join_uri(bundles_uri, manifest.digest)
    try:
        read_bundle(files, uri, manifest.digest)
    except DigestMismatchError:
        for name in sorted(contents):
            files.write_bytes(join_uri(uri, name), contents[name])
        files.write_bytes(join_uri(uri, MANIFEST_NAME), manifest.to_bytes())
        read_bundle(files, uri, manifest.digest)
    return uri, manifest.digest


def load_predictor(files: Files, bundle_uri: str, expected_digest: str) -> Predictor:
    """Load a bundle whose every byte is the one that was decided on.

    Args:
        files: Where files are.
        bundle_uri: The bundle's folder.
        expected_digest: Its digest, from where it was decided on, never from beside the bundle.

    Raises:
        DigestMismatchError: A byte, a file or the manifest is not what it was; nothing has been parsed or run.
        RegistryError: The bundle is of another format than this.
    """
    return open_predictor(*read_bundle(files, bundle_uri, expected_digest))


def open_predictor(manifest: BundleManifest, contents: Mapping[str, bytes]) -> Predictor:
    """Open what `read_bundle` has checked."""
    return Predictor(manifest, _open_model(manifest, contents))


def read_profile(files: Files, bundle_uri: str, expected_digest: str) -> ReferenceProfile:
    """Return what the rows looked like that a bundle's model learned from.

    Raises:
        DigestMismatchError: A byte, a file or the manifest is not what it was, or the profile cannot be read.
        RegistryError: The bundle is of another format than this.
    """
    _, contents = read_bundle(files, bundle_uri, expected_digest)
    try:
        return ReferenceProfile.from_bytes(contents[PROFILE_NAME])
    except (ValueError, RecursionError) as error:
        uri = join_uri(bundle_uri, PROFILE_NAME)
        raise _mismatch(uri, f"a profile that cannot be read: {str(error)[:300]}", "a profile of format 1") from error


def read_bundle(files: Files, bundle_uri: str, expected_digest: str) -> tuple[BundleManifest, dict[str, bytes]]:
    """Return a bundle's manifest and its checked bytes by file name.

    Raises:
        DigestMismatchError: A byte, a file or the manifest is not what it was.
        RegistryError: The bundle is of another format than this.
    """
    sizes = {_name_below(bundle_uri, info.uri): info.size_bytes for info in files.list(bundle_uri)}
    manifest = _read_manifest(files, bundle_uri, sizes.pop(MANIFEST_NAME, None), expected_digest)
    declared = {name: described.size_bytes for name, described in manifest.files.items()}
    if set(declared) != {*MODEL_FILES[manifest.algorithm], *COMPANIONS}:
        raise _mismatch(bundle_uri, f"a manifest that names {_some(declared)}", f"the files of a {manifest.algorithm} bundle")
    # Sizes come from the listing: a bundle that was blown up is refused before a byte of it is read.
    if sizes != declared:
        wrong = [name for name in {**sizes, **declared} if sizes.get(name) != declared.get(name)]
        raise _mismatch(bundle_uri, f"another size, a missing or an extra file: {_some(wrong)}", "just what the manifest names")
    if sum(declared.values()) > MAX_BUNDLE_BYTES:
        raise _mismatch(bundle_uri, f"{sum(declared.values())} bytes", f"at most {MAX_BUNDLE_BYTES} bytes")
    contents = {}
    for name, described in manifest.files.items():
        contents[name] = files.read_bytes(join_uri(bundle_uri, name))
        if hashlib.sha256(contents[name]).hexdigest() != described.sha256:
            raise _mismatch(join_uri(bundle_uri, name), "other bytes", f"SHA-256 {described.sha256}")
    return manifest, contents


def _read_manifest(files: Files, bundle_uri: str, size_bytes: int | None, expected_digest: str) -> BundleManifest:
    uri = join_uri(bundle_uri, MANIFEST_NAME)
    if size_bytes is None or size_bytes > MAX_MANIFEST_BYTES:
        found = "no manifest" if size_bytes is None else f"a manifest of {size_bytes} bytes"
        raise _mismatch(uri, found, f"a manifest of at most {MAX_MANIFEST_BYTES} bytes")
    data = files.read_bytes(uri)
    if digest_bytes(data) != expected_digest:
        raise _mismatch(uri, f"digest {digest_bytes(data)}", f"digest {expected_digest}")
    try:
        value = json.loads(data)
        _require_format(uri, value)
        return BundleManifest.model_validate(value)
    except (ValueError, ValidationError, RecursionError) as error:
        allowed = f"a manifest of format {FORMAT}"
        raise _mismatch(uri, f"a manifest that cannot be read: {str(error)[:300]}", allowed) from error


def _require_format(uri: str, value: object) -> None:
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise RegistryError(
            "a model bundle is of another format",
            found=f"{uri}: format {found}",
            allowed=f"format {FORMAT}, which says how the model's features are to be built",
            remedy="train again in a new home, where no release of that format stands, or use the Evergreen that wrote it",
        )


def _open_model(manifest: BundleManifest, contents: Mapping[str, bytes]) -> Model:
    if manifest.algorithm == "xgboost":
        return BoostedModel(contents["model.ubj"], contents["model.onnx"], manifest.intercept)
    kind = RateTable if manifest.algorithm == "baseline" else LogisticModel
    return kind.model_validate(json.loads(contents["model.json"]))


def _name_below(folder_uri: str, uri: str) -> str:
    folder = folder_uri.removeprefix("file://").rstrip("/")
    return uri.removeprefix(folder + "/")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _mismatch(uri: str, found: str, allowed: str) -> DigestMismatchError:
    return DigestMismatchError(
        "a model bundle is not the one that was decided on",
        found=f"{uri}: {found}",
        allowed=allowed,
        remedy="restore the bundle from a backup or train again; do not serve it",
    )
