"""The bytes of a backup folder: each kept once, named by its SHA-256, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from typing import TYPE_CHECKING, NamedTuple

from evergreen.errors import DigestMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from evergreen.backup.manifest import BackupManifest

_CHUNK_BYTES = 2**20


class Kept(NamedTuple):
    """Bytes that are in the folder."""

    sha256: str
    size_bytes: int


class Objects:
    """The objects of one backup folder; readable by its owner alone, as records name people and rows may too."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "objects"
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Return where bytes are kept."""
        return self._root / sha256[:2] / sha256

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Return whether bytes are there, as far as their size tells."""
        path = self.path(sha256)
        return path.is_file() and path.stat().st_size == size_bytes

    def keep_file(self, path: Path) -> Kept:
        """Copy a file in.

        Raises:
            FileNotFoundError: It is gone.
        """
        with path.open("rb") as stream:
            return self.keep(iter(lambda: stream.read(_CHUNK_BYTES), b""))

    def keep(self, chunks: Iterable[bytes]) -> Kept:
        """Keep bytes; those that are there already are left alone."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._root / f".tmp-{uuid.uuid4().hex}"
        hasher, size = hashlib.sha256(), 0
        try:
            with open_private(temporary) as out:
                for chunk in chunks:
                    hasher.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            kept = Kept(hasher.hexdigest(), size)
            if not self.has(*kept):
                self.path(kept.sha256).parent.mkdir(mode=0o700, exist_ok=True)
                temporary.replace(self.path(kept.sha256))
        finally:
            temporary.unlink(missing_ok=True)
        return kept

    def verify(self, manifest: BackupManifest) -> None:
        """Read every byte that a backup needs, and compare.

        Raises:
            DigestMismatchError: Bytes are gone or were changed.
        """
        for sha256 in sorted(manifest.digests):
            path = self.path(sha256)
            found = _sha256(path) if path.is_file() else "nothing"
            if found != sha256:
                raise _damaged(path, found)

    def copy_to(self, sha256: str, target: Path) -> None:
        """Write bytes to a new place, comparing what is written.

        Raises:
            DigestMismatchError: They are not what they were.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.path(sha256).open("rb") as source, target.open("xb") as out:
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
            out.flush()
            os.fsync(out.fileno())
        found = _sha256(target)
        if found != sha256:
            raise _damaged(self.path(sha256), found)

    def read(self, sha256: str) -> bytes:
        """Return bytes, compared with their name.

        Raises:
            DigestMismatchError: They are not what they were.
        """
        data = self.path(sha256).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise _damaged(self.path(sha256), found)
        return data


def open_private(path: Path) -> BinaryIO:
    """Open a new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damaged(path: Path, found: str) -> DigestMismatchError:
    return DigestMismatchError(
        "a file of the backup is not what was copied",
        found=f"{path}: {found}",
        allowed=f"bytes with the SHA-256 {path.name}",
        remedy="take another backup with --at, or another copy of the folder; nothing was restored",
    )
