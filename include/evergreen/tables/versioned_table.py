"""A Delta Lake table by its versions: which there are, and one of them opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from evergreen.errors import DataError
from evergreen.files import is_s3
from evergreen.tables.erased import refuse_if_erased
from evergreen.tables.store_errors import store_errors

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from evergreen.files import Files

MAX_ATTEMPTS = 12
"""Tries against other writers; each reads the table anew."""
CONFIGURATION = {
    # Versions are what trainings are repeated from: neither the log nor replaced files may expire by themselves.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    # A reader opens at most this many small log files.
    "delta.checkpointInterval": "20",
}


class VersionedTable:
    """A table at a local path or `s3://bucket/prefix`; nothing need exist before the first write."""

    def __init__(self, uri: str, files: Files) -> None:
        self.uri = uri
        self._files = files
        self._options = files.delta_options if is_s3(uri) else None

    def version(self) -> int | None:
        """Return the newest version, or None when nothing was ever written."""
        table = self._open()
        return None if table is None else int(table.version())

    def has_version(self, version: int) -> bool:
        """Return whether the log still tells a version; False too when there is no table."""
        try:
            return self._open(version) is not None
        except DataError:
            return False

    def paths(self) -> set[str]:
        """Return the files of the newest version, each by its path below the table; none while there is no table."""
        table = self._open()
        if table is None:
            return set()
        return {unquote(path) for path in _paths_of(table)}

    def write_checkpoint(self) -> None:
        """Put the newest version's state into one file, from which readers begin."""
        table = self._open()
        if table is not None:
            with store_errors(self.uri):
                table.create_checkpoint()

    def _refuse_missing(self, version: int, found: str) -> NoReturn:
        """Say why a version cannot be read.

        Raises:
            ErasedError: Rows of it were erased.
            DataError: Its files are gone for another reason.
        """
        refuse_if_erased(f"version {version} of a table", self.uri, unquote(found), self._files)
        raise missing_version(self.uri, version, found)

    def _open(self, version: int | None = None) -> DeltaTable | None:
        """Return the table at a version, by default the newest; None while there is none.

        Raises:
            DataError: The version is not there.
            StoreUnavailableError: The store did not answer.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        with store_errors(self.uri):
            try:
                return DeltaTable(self.uri, version=version, storage_options=self._options)
            except TableNotFoundError:
                return None
            except DeltaError as error:
                if version is None:
                    raise
                raise missing_version(self.uri, version, str(error)[:300]) from error


def _paths_of(table: DeltaTable) -> list[str]:
    import pyarrow as pa

    actions = pa.table(table.get_add_actions(flatten=True))
    found: list[str] = actions.column("path").to_pylist() if actions.num_rows else []
    return found


def missing_version(uri: str, version: int, found: str) -> DataError:
    """Make the error for a version that cannot be read."""
    return DataError(
        f"version {version} of a table cannot be read",
        found=f"{uri}: {found}",
        allowed="a version that was written and not vacuumed away",
        remedy="work from a newer version (train or collect again), or bring the table's files back from a backup",
    )
