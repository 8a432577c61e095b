"""The champion as a model.tar.gz on S3, under the digest of what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import DeploymentError, DigestMismatchError, StoreUnavailableError
from evergreen.features.inputs import release_key
from evergreen.files import Files, is_s3, join_uri
from evergreen.model_package import (
    ARCHIVE_NAME,
    BUNDLE,
    DEFINITIONS,
    NOTE_NAME,
    ONLINE,
    PackedRelease,
    pack,
    package_digest,
    unpack,
)
from evergreen.predictors.bundle import read_bundle
from evergreen.predictors.manifest import MANIFEST_NAME
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import canonical_bytes
from evergreen.tables.online_inputs import read_online_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.definitions import ModelDefinition
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings


@dataclass(frozen=True)
class Package:
    """A release as SageMaker loads it."""

    uri: str
    """Of its model.tar.gz, on S3."""
    digest: str
    """Of its files, which the container checks before it answers."""
    version: ChampionVersion
    online: OnlineInputsVersion
    """The online inputs that were packed with it."""


def put_package(definition: ModelDefinition, version: ChampionVersion, settings: Settings) -> Package:
    """Pack a version with the newest online inputs for its features, and put it on S3; what is there and sound stays.

    Args:
        definition: Today's; it says how answers are given.
        version: The version to pack.
        settings: Where things are.

    Raises:
        UndecidedError: No decision vouches for the version's bytes.
        DigestMismatchError: Its bundle or its online inputs are not what they were.
        DeploymentError: Packages would not lie on S3.
        StoreUnavailableError: A store did not answer, or nothing has been published for the version yet.
    """
    ReleaseRegistry(settings).vouch(version)
    files = Files.from_settings(settings)
    manifest, bundle = read_bundle(files, version.bundle_uri, version.bundle_digest)
    online = _newest_inputs(version, release_key(manifest.feature_layout, version.features_source_digest), settings)
    contents = _contents(definition, version, online, manifest, bundle, files)
    digest = package_digest(contents)
    uri = join_uri(_packages_uri(definition, settings), digest, ARCHIVE_NAME)
    if not _is_sound(files, uri, digest):
        files.write_bytes(uri, pack(contents))
        if not _is_sound(files, uri, digest):
            raise StoreUnavailableError(
                "a model package did not reach S3 as it was written",
                found=f"{uri}: other bytes",
                allowed=f"a package of digest {digest}",
                remedy="try again; look at who else writes to this folder",
            )
    return Package(uri, digest, version, online)


def package_contents(
    definition: ModelDefinition, version: ChampionVersion, online: OnlineInputsVersion, files: Files
) -> dict[str, bytes]:
    """Return a package's files by name; every byte of the bundle and of the online inputs has been checked.

    Raises:
        DigestMismatchError: Its bundle or its online inputs are not what they were.
        StoreUnavailableError: A store did not answer.
    """
    manifest, bundle = read_bundle(files, version.bundle_uri, version.bundle_digest)
    return _contents(definition, version, online, manifest, bundle, files)


def _contents(
    definition: ModelDefinition,
    version: ChampionVersion,
    online: OnlineInputsVersion,
    manifest: BundleManifest,
    bundle: Mapping[str, bytes],
    files: Files,
) -> dict[str, bytes]:
    read_online_inputs(online.uri, online.digest, files)
    note = PackedRelease(
        # Where it was kept says nothing to whoever unpacks it, and another home must give the same bytes.
        version=version.model_copy(update={"bundle_uri": ""}),
        features_key=online.features_key,
        online_digest=online.digest,
        online_as_of=online.as_of,
        online_published_at=online.published_at,
        online_revision=online.revision,
    )
    folder = f"{DEFINITIONS}/{definition.name}"
    return {
        NOTE_NAME: canonical_bytes(note),
        **{f"{BUNDLE}/{name}": data for name, data in bundle.items()},
        f"{BUNDLE}/{MANIFEST_NAME}": manifest.to_bytes(),
        **{f"{ONLINE}/{name}": data for name, data in _raw(files, online.uri).items()},
        f"{folder}/model.yaml": (definition.folder / "model.yaml").read_bytes(),
        f"{folder}/{definition.features.code}": definition.features_path.read_bytes(),
    }


def _newest_inputs(version: ChampionVersion, features_key: str, settings: Settings) -> OnlineInputsVersion:
    found = OnlineVersionStore(settings.database_url).newest(version.model, features_key)
    if found is not None:
        return found
    raise StoreUnavailableError(
        "there are no online inputs to pack with the release",
        found=f"no publication for version {version.version} of {version.model}",
        allowed="one, which the task `materialize` publishes",
        remedy=f"publish them: evergreen run scoring {version.model}",
    )


def _raw(files: Files, folder_uri: str) -> dict[str, bytes]:
    start = len(folder_uri.removeprefix("file://").rstrip("/")) + 1
    return {info.uri[start:]: files.read_bytes(info.uri) for info in files.list(folder_uri)}


def _packages_uri(definition: ModelDefinition, settings: Settings) -> str:
    section = definition.release.sagemaker
    given = section.packages if section is not None else None
    uri = join_uri(given, definition.name) if given else join_uri(settings.artifacts_uri, definition.name, "sagemaker")
    if is_s3(uri):
        return uri
    raise DeploymentError(
        "SageMaker cannot read the model package",
        found=f"packages would lie at {uri}",
        allowed="a folder on S3",
        remedy="set release.sagemaker.packages in model.yaml, or EVERGREEN_ARTIFACTS_URI to s3://…",
    )


def _is_sound(files: Files, uri: str, digest: str) -> bool:
    try:
        return files.exists(uri) and package_digest(unpack(files.read_bytes(uri))) == digest
    except DigestMismatchError:
        return False
