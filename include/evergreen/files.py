"""Bytes at a URI, local or S3: written whole or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import StoreUnavailableError

if TYPE_CHECKING:
    from pyarrow import fs

    from evergreen.settings import Settings


@dataclass(frozen=True)
class FileInfo:
    """One file of a listing."""

    uri: str
    size_bytes: int
    modified_ns: int


def join_uri(root: str, *parts: str) -> str:
    """Append path parts to a URI."""
    return "/".join([root.rstrip("/"), *(part.strip("/") for part in parts)])


def is_s3(uri: str) -> bool:
    """Return whether a URI points to S3."""
    return uri.startswith("s3://")


class Files:
    """Small files under any URI that Evergreen may write to.

    On local disk a write goes to a temporary neighbour, is synced and renamed; on S3 a PUT is whole by itself.
    """

    def __init__(self, *, s3_endpoint_url: str = "", s3_region: str = "us-east-1") -> None:
        self._s3_endpoint_url = s3_endpoint_url
        self._s3_region = s3_region
        self._s3: fs.S3FileSystem | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Files:
        """Open files with the addresses of `settings`."""
        return cls(s3_endpoint_url=settings.s3_endpoint_url, s3_region=settings.s3_region)

    @property
    def delta_options(self) -> dict[str, str]:
        """Storage options that Delta Lake needs for the same addresses."""
        if not self._s3_endpoint_url:
            return {"AWS_REGION": self._s3_region}
        return {
            "AWS_REGION": self._s3_region,
            "AWS_ENDPOINT_URL": self._s3_endpoint_url,
            "AWS_ALLOW_HTTP": str(self._s3_endpoint_url.startswith("http://")).lower(),
        }

    def read_bytes(self, uri: str) -> bytes:
        """Return a file's bytes.

        Raises:
            FileNotFoundError: There is no such file.
            StoreUnavailableError: S3 did not answer.
        """
        if not is_s3(uri):
            return _local(uri).read_bytes()
        with _s3_errors(uri), self._open_s3().open_input_stream(_key(uri), compression=None) as stream:
            return bytes(stream.read())

    def write_bytes(self, uri: str, data: bytes) -> None:
        """Write a file whole, replacing an older one."""
        if not is_s3(uri):
            replace_file(_local(uri), data)
            return
        with _s3_errors(uri), self._open_s3().open_output_stream(_key(uri), compression=None) as stream:
            stream.write(data)

    def exists(self, uri: str) -> bool:
        """Return whether a file is there."""
        if not is_s3(uri):
            return _local(uri).is_file()
        from pyarrow import fs

        with _s3_errors(uri):
            return bool(self._open_s3().get_file_info(_key(uri)).type == fs.FileType.File)

    def remove(self, uri: str) -> None:
        """Remove a file; one that is not there is no mistake."""
        if not is_s3(uri):
            _local(uri).unlink(missing_ok=True)
            return
        with _s3_errors(uri), suppress(FileNotFoundError):
            self._open_s3().delete_file(_key(uri))

    def list(self, folder_uri: str) -> list[FileInfo]:
        """Return every file below a folder, sorted by URI; empty when there is no such folder.

        A link that leads out of the folder is no file below it: who may put files there may not name any other of this machine.
        """
        if not is_s3(folder_uri):
            root = _local(folder_uri)
            found = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith(".tmp-")]
            found = [path for path in found if not path.is_symlink() or path.resolve().is_relative_to(root.resolve())]
            return [FileInfo(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
        from pyarrow import fs

        with _s3_errors(folder_uri):
            selector = fs.FileSelector(_key(folder_uri), recursive=True, allow_not_found=True)
            infos = self._open_s3().get_file_info(selector)
        files = [info for info in infos if info.type == fs.FileType.File]
        return sorted((FileInfo(f"s3://{i.path}", i.size, i.mtime_ns or 0) for i in files), key=lambda info: info.uri)

    def open_folder(self, folder_uri: str) -> fs.FileSystem:
        """Return an Arrow filesystem whose root is a folder, for readers of many files at once."""
        from pyarrow import fs

        if is_s3(folder_uri):
            return fs.SubTreeFileSystem(_key(folder_uri), self._open_s3())
        return fs.SubTreeFileSystem(str(_local(folder_uri)), fs.LocalFileSystem())

    def _open_s3(self) -> fs.S3FileSystem:
        if self._s3 is None:
            from pyarrow import fs

            scheme, _, endpoint = self._s3_endpoint_url.rpartition("://")
            if endpoint:
                # AWS's library reads this from nowhere else. Its checksums come after the bytes, without a length before
                # them, which Ceph and others refuse (411).
                os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
            self._s3 = fs.S3FileSystem(
                region=self._s3_region,
                endpoint_override=endpoint or None,
                scheme=scheme or "https",
                allow_bucket_creation=False,
                allow_delayed_open=True,  # a small file is one PUT, not the three requests of an upload in parts
            )
        return self._s3


class _s3_errors:
    """Turn an S3 answer that is no answer into a retryable error."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise StoreUnavailableError(
                "an S3 request failed",
                found=f"{self._uri}: {error}",
                allowed="a bucket that answers and that these credentials may use",
                remedy="check EVERGREEN_S3_ENDPOINT_URL, the AWS credentials and the bucket name, then run again",
            ) from error


def _key(uri: str) -> str:
    return uri.removeprefix("s3://").rstrip("/")


def _local(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def sync_to_disk(path: Path) -> None:
    """Bring a file's bytes, or a folder's names, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a local file whole or not at all, in the place of what is there.

    Args:
        path: Where; its folder is made.
        data: All of it.
        mode: Who may do what, less what the process's mask takes away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{uuid.uuid4().hex}"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
