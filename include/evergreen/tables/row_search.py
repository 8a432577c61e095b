"""Which files of a folder hold rows that are looked for: Parquet and Arrow files, whatever version they belong to, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from evergreen.files import FileInfo, Files

LOG_FOLDER = "/_delta_log/"


class RowMatch(Protocol):
    """What is looked for."""

    def columns(self, names: Collection[str]) -> list[str]:
        """Return the columns to look at in rows that have these; none where no such row can match."""
        ...

    def __call__(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Return for each row whether it is one of those, shape (n_rows,)."""
        ...


def data_files(folder_uri: str, files: Files) -> dict[str, FileInfo]:
    """Return the Parquet files of a table's folder, by their paths below it."""
    root = folder_uri.removeprefix("file://").rstrip("/") + "/"
    listed = files.list(folder_uri)
    return {info.uri[len(root) :]: info for info in listed if info.uri.endswith(".parquet") and LOG_FOLDER not in info.uri}


def matching_rows(data: bytes, match: RowMatch) -> int:
    """Return how many rows of a Parquet file match; only the columns looked at are read."""
    with pq.ParquetFile(pa.BufferReader(data)) as opened:
        columns = match.columns(opened.schema_arrow.names)
        return int(match(opened.read(columns=columns)).sum()) if columns else 0


def search(folder_uri: str, infos: Sequence[tuple[str, FileInfo]], match: RowMatch, files: Files) -> dict[str, int]:
    """Return how many rows match in each of some files that has any; a file that is gone by now has none."""
    found = {}
    for path, info in infos:
        try:
            rows = matching_rows(files.read_bytes(info.uri), match)
        except FileNotFoundError:
            continue
        if rows:
            found[path] = rows
    return found
