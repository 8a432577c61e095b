"""A release as one folder: all that a gateway needs to answer with it, where neither registry nor artifact store is in reach.

==================================== ==================================================================
`release.json`                       the version and the publication of online inputs
`bundle/…`                           the bundle: model, feature code, manifest
`online/…`                           the online inputs
`definitions/<model>/…`              model.yaml and the feature code beside it
==================================== ==================================================================

The folder has one digest, over names and bytes of all its files. Packed, the same folder gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, ValidationError

from evergreen.digests import digest_json
from evergreen.errors import DigestMismatchError
from evergreen.results import ChampionVersion, Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOTE_NAME = "release.json"
BUNDLE, ONLINE, DEFINITIONS = "bundle", "online", "definitions"
ARCHIVE_NAME = "model.tar.gz"
_FILE_MODE = 0o644
_COMPRESSION = 6


class PackedRelease(Result):
    """What a package is of."""

    format: Literal[1] = 1
    version: ChampionVersion
    features_key: str
    """Which features the online inputs are for."""
    online_digest: str
    """Digest of the online inputs' manifest."""
    online_as_of: AwareDatetime
    online_published_at: AwareDatetime
    online_revision: int


def package_digest(contents: Mapping[str, bytes]) -> str:
    """Return a package's digest: 32 hexadecimal characters that hang on the names and bytes of all its files."""
    return digest_json({name: hashlib.sha256(data).hexdigest() for name, data in contents.items()})


def pack(contents: Mapping[str, bytes]) -> bytes:
    """Return a package as model.tar.gz; the same contents give the same bytes, whenever and wherever."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=_COMPRESSION, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(contents):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(contents[name]), _FILE_MODE
            archive.addfile(entry, io.BytesIO(contents[name]))
    return buffer.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of a model.tar.gz; nothing is written, and what is no plain file is passed over.

    Raises:
        DigestMismatchError: It is no such archive.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as found:
            return {entry.name: _content(found, entry) for entry in found if entry.isreg()}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _mismatch(f"an archive that cannot be read: {error}", "a model.tar.gz that Evergreen has packed") from error


def read_package(folder: Path, expected_digest: str = "") -> tuple[PackedRelease, str]:
    """Read an unpacked package, every byte of it, and return what it is of, and its digest.

    Args:
        folder: Where it lies.
        expected_digest: The digest that was decided on, from elsewhere than the folder; empty where nobody said one.

    Raises:
        DigestMismatchError: It is not the package of that digest, or none at all.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    digest = package_digest(contents)
    if expected_digest and digest != expected_digest:
        raise _mismatch(f"{folder}: digest {digest}", f"digest {expected_digest}")
    try:
        return PackedRelease.model_validate_json(contents[NOTE_NAME]), digest
    except (KeyError, ValidationError) as error:
        raise _mismatch(f"{folder}: {str(error)[:200]}", f"a package of format 1, with {NOTE_NAME}") from error


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(entry)
    return stream.read() if stream is not None else b""


def _mismatch(found: str, allowed: str) -> DigestMismatchError:
    return DigestMismatchError(
        "a model package is not the one that was released",
        found=found,
        allowed=allowed,
        remedy="do not serve it; clear the task that brings the release to its endpoint, so that it packs it again",
    )
