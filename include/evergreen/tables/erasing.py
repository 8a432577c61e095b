"""Take rows out of a table for good: out of the newest version, out of every file that held them, and out of the log.

Only files that held such a row go, so that every version without one of them can still be read. The order makes it safe to be
killed at any moment and to begin again: a note names the files before anything happens, the newest version stops using them,
they are removed, and last the log loses what it said of their values. Values stand there as the smallest and the largest of
each column; in their place the number of rows stays.
"""

from __future__ import annotations

import io
import json
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow.parquet as pq

from evergreen.errors import DataError, StoreUnavailableError
from evergreen.files import is_s3, join_uri, sync_to_disk
from evergreen.tables.day_rows import DAY
from evergreen.tables.erased import read_notes, write_note
from evergreen.tables.row_search import data_files, search
from evergreen.tables.table_files import read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager
    from typing import Any

    from evergreen.files import FileInfo, Files
    from evergreen.tables.day_table import DayTable
    from evergreen.tables.erased import ErasureNote
    from evergreen.tables.row_search import RowMatch
    from evergreen.tables.served_table import ServedTable
    from evergreen.tables.table_files import TableHistory


UNNAMED_SECONDS = 3600
"""A file that no version has may be a writer's who has not committed yet, as long as it is younger."""
_ROUNDS = 5
"""How often rows that other writers bring meanwhile are taken out again."""
_COMMIT = re.compile(r".*/_delta_log/\d{20}\.json")
_CHECKPOINT = re.compile(r".*/_delta_log/\d{20}\.checkpoint(\.\d+\.\d+)?\.parquet")


@dataclass(frozen=True)
class ErasedFromTable:
    """What came of it."""

    files: int = 0
    """Files that are gone."""
    versions: tuple[int, ...] = ()
    """Versions that can no longer be read as a whole."""
    waiting: int = 0
    """Files with such rows that no version has and that are too young to be removed: somebody may be about to commit them."""


def erase_rows(
    table: DayTable | ServedTable,
    match: RowMatch,
    note: ErasureNote,
    files: Files,
    *,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> ErasedFromTable:
    """Take rows out of a table for good; what an earlier attempt began is brought to its end.

    Args:
        table: The table.
        match: Which rows.
        note: When, and who wants it.
        files: Where the table is.
        turn: Held while the log is changed: two must not do so at once.

    Raises:
        DataError: The log says what this project never writes; nothing was done.
        StoreUnavailableError: Other writers kept bringing such rows, or the store did not answer.
    """
    before = read_history(table.uri, files)
    if before is None:
        return _without_a_log(table.uri, files)
    found = _leave_out(table, match, note, files)
    history = _history(table.uri, files)
    newest = table.paths()
    _bring_to_disk(table.uri, newest - set(before.files), len(before.committed_at))
    listed = data_files(table.uri, files)
    gone = {path for each in read_notes(table.uri, files) if each.erasure_id == note.erasure_id for path in each.files}
    waiting = 0
    for path in sorted(set(found) - newest):
        if path not in history.files and path in listed and _is_young(listed[path]):
            waiting += 1
    for path in sorted(gone - newest):
        if path in history.files or (path in listed and not _is_young(listed[path])):
            files.remove(join_uri(table.uri, path))
    forgotten = gone & set(history.files)
    if forgotten:
        with turn():
            _scrub_log(table, forgotten, files)
    return ErasedFromTable(len(gone) - waiting, tuple(sorted(history.versions_with(forgotten))), waiting)


def _leave_out(table: DayTable | ServedTable, match: RowMatch, note: ErasureNote, files: Files) -> dict[str, int]:
    """Bring the newest version to hold no such row; return every file that holds any, by its path."""
    found: dict[str, int] = {}
    looked_at: set[str] = set()
    for _ in range(_ROUNDS):
        listed = data_files(table.uri, files)
        found |= search(table.uri, [each for each in listed.items() if each[0] not in looked_at], match, files)
        looked_at |= set(listed)
        if found:
            write_note(table.uri, note, found, files)
        live = table.paths() & set(found)
        if not live and table.paths() <= looked_at:
            return found
        for day in sorted({_day_of(path) for path in live}):
            table.leave_out(day, match)
    raise StoreUnavailableError(
        "other writers kept bringing rows that are to be erased",
        found=f"{_ROUNDS} rounds at {table.uri}",
        allowed="writers that know of the erasure and leave the rows out",
        remedy="pause the model's DAGs, wait for what runs, and run the command again",
    )


def _without_a_log(uri: str, files: Files) -> ErasedFromTable:
    if not files.list(join_uri(uri, "_delta_log")):
        return ErasedFromTable()
    raise DataError(
        "a table's log is not one that rows can be erased from",
        found=f"{uri}: commits are missing, or say what this project never writes",
        allowed="a whole log without deletion vectors",
        remedy="restore the log, or empty the table by its own means; nothing was erased here",
    )


def _bring_to_disk(uri: str, written: Collection[str], version: int) -> None:
    """Sync what was written in place of files that are about to go; Delta Lake leaves that to the operating system."""
    if is_s3(uri):
        return
    root = Path(uri.removeprefix("file://"))
    commits = [path for path in (root / "_delta_log").glob("*.json") if path.stem.isdigit() and int(path.stem) >= version]
    paths = [*commits, *(root / path for path in written)]
    for path in [*sorted(paths), *sorted({path.parent for path in paths})]:
        if path.exists():  # another erasure may have taken it out meanwhile
            sync_to_disk(path)


def _history(uri: str, files: Files) -> TableHistory:
    history = read_history(uri, files)
    if history is None:
        raise StoreUnavailableError(
            "a table's log could not be read whole",
            found=uri,
            allowed="a log without gaps",
            remedy="run the command again",
        )
    return history


def _day_of(path: str) -> date:
    return date.fromisoformat(path[len(DAY) + 1 :].partition("/")[0])


def _is_young(info: FileInfo) -> bool:
    return time.time() - info.modified_ns / 10**9 < UNNAMED_SECONDS


def _scrub_log(table: DayTable | ServedTable, paths: set[str], files: Files) -> None:
    """Take what the log says of the values in some files out of it; how many rows they had stays."""
    listed = files.list(join_uri(table.uri, "_delta_log"))
    for info in listed:
        if _COMMIT.fullmatch(info.uri):
            data = files.read_bytes(info.uri)
            scrubbed = b"".join(_scrubbed(line, paths) for line in data.splitlines(keepends=True))
            if scrubbed != data:
                files.write_bytes(info.uri, scrubbed)
    telling = [info.uri for info in listed if _CHECKPOINT.fullmatch(info.uri) and _tells_of(files.read_bytes(info.uri), paths)]
    if telling:
        table.write_checkpoint()
    for uri in telling:
        files.remove(uri)


def _scrubbed(line: bytes, paths: set[str]) -> bytes:
    if not line.strip():
        return line
    action: dict[str, dict[str, Any]] = json.loads(line)
    added = action.get("add", {})
    if unquote(str(added.get("path", ""))) not in paths or not added.get("stats"):
        return line
    counted = {"numRecords": json.loads(added["stats"]).get("numRecords")}
    if json.loads(added["stats"]) == counted:
        return line
    added["stats"] = json.dumps(counted, separators=(",", ":"))
    return json.dumps(action, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _tells_of(checkpoint: bytes, paths: set[str]) -> bool:
    added = pq.read_table(io.BytesIO(checkpoint), columns=["add"]).column("add").to_pylist()
    return any(each is not None and unquote(str(each["path"])) in paths for each in added)
