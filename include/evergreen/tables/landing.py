"""Landing files: which of them belong to a table and a day, and their rows under the table's contract."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import LandingError
from evergreen.tables.contract import conform, infer_contract
from evergreen.tables.day_table import REFERENCE_DAY
from evergreen.tables.file_formats import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.data import ColumnType
    from evergreen.files import FileInfo, Files
    from evergreen.tables.contract import Source

logger = logging.getLogger(__name__)
MAX_PROBLEMS = 10


@dataclass(frozen=True)
class LandingDay:
    """The files of one day, in name order."""

    day: date
    files: tuple[FileInfo, ...]


def find_days(listing: Sequence[FileInfo], folder_uri: str, pattern: str) -> dict[date, LandingDay]:
    """Return which files belong to which day; all under REFERENCE_DAY when the pattern has no `{day}`.

    Args:
        listing: Files below the model's landing folder, sorted by URI.
        folder_uri: That folder.
        pattern: `files` of the table. `{day}` stands for an ISO date, `*` for anything within one name. Names that begin
            with `.` or `_` are being written or are no data, as Spark and rsync have it, and are never meant by a `*`.
    """
    expression = _expression(pattern)
    folder = folder_uri.removeprefix("file://").rstrip("/") + "/"
    found: dict[date, list[FileInfo]] = {}
    for info in listing:
        path = info.uri.removeprefix(folder)
        match = expression.fullmatch(path)
        if match is None:
            continue
        try:
            day = date.fromisoformat(match["day"]) if "{day}" in pattern else REFERENCE_DAY
        except ValueError:
            logger.warning("%s names no day of the calendar and is not read", info.uri)
            continue
        found.setdefault(day, []).append(info)
    return {day: LandingDay(day, tuple(files)) for day, files in sorted(found.items())}


def read_days(
    days: Sequence[LandingDay],
    files: Files,
    contract: Mapping[str, ColumnType],
    *,
    moments: Sequence[str],
) -> dict[date, pa.Table]:
    """Return the rows of each day in the contract's columns and types; several files of a day follow each other by name.

    Args:
        days: What to read.
        files: Where the files are.
        contract: Type by column; empty: inferred from all these days together.
        moments: Columns that are timestamps in any case.

    Raises:
        LandingError: Files are missing, cut off, of another format or break the contract; tells up to ten of them.
        StoreUnavailableError: The landing zone did not answer.
    """
    problems: list[LandingError] = []
    parts: list[tuple[date, FileInfo, pa.Table]] = []
    for day in days:
        for info in day.files:
            try:
                parts.append((day.day, info, _read_file(info, files, contract)))
            except LandingError as error:
                problems.append(error)
    _raise(problems)
    if parts and not contract:
        source = _source(parts[0][1])
        contract = infer_contract([(info.uri, rows) for _, info, rows in parts], source=source, moments=moments)
        parts = [(day, info, conform(rows, contract, source=source, where=info.uri)) for day, info, rows in parts]
    found: dict[date, list[pa.Table]] = {}
    for at, _, rows in parts:
        found.setdefault(at, []).append(rows)
    return {at: pa.concat_tables(tables) for at, tables in found.items()}


def _read_file(info: FileInfo, files: Files, contract: Mapping[str, ColumnType]) -> pa.Table:
    """Return one file's rows under the contract, or as they are when there is none yet."""
    try:
        data = files.read_bytes(info.uri)
    except FileNotFoundError as error:
        raise LandingError(
            "a landing file vanished while it was to be read",
            found=info.uri,
            allowed="files that stay once they are delivered",
            remedy="run again when the upstream system has finished delivering",
        ) from error
    rows = read_file(data, info.uri)
    if not contract:
        return rows
    extra = [name for name in rows.column_names if name not in contract]
    if extra:
        logger.warning("%s has columns that the contract does not name; they are not read: %s", info.uri, ", ".join(extra[:10]))
    return conform(rows, contract, source=_source(info), where=info.uri)


def _expression(pattern: str) -> re.Pattern[str]:
    parts = []
    named = False
    for part in re.split(r"(\{day\}|\*)", pattern):
        if part == "{day}":
            parts.append("(?P=day)" if named else r"(?P<day>\d{4}-\d{2}-\d{2})")
            named = True
        elif part == "*":
            begins = not parts or parts[-1].endswith("/")
            parts.append(r"(?![._])[^/]*" if begins else r"[^/]*")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


def _source(info: FileInfo) -> Source:
    ending = info.uri.rpartition(".")[2]
    return "csv" if ending == "csv" else "jsonl" if ending == "jsonl" else "parquet"


def _raise(problems: Sequence[LandingError]) -> None:
    if len(problems) > 1:
        shown = [f"{problem.what}: {problem.found[:300]}" for problem in problems[:MAX_PROBLEMS]]
        more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
        raise LandingError(
            f"{len(problems)} landing files cannot be taken in",
            found="\n           ".join([*shown, *more]),
            allowed=problems[0].allowed,
            remedy=problems[0].remedy,
        )
    if problems:
        raise problems[0]
