"""What ingest has read before, so that an unchanged day costs a line of a listing. Losing it only costs time."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.files import FileInfo, Files

READER_VERSION = 1
"""Raise it when the same bytes are read as other rows: every file is then read again."""
SETTLED_SECONDS = 2
"""A file as young as this could be replaced without its time changing (S3 tells whole seconds): not remembered yet."""


class KnownFile(Result):
    """A file as it was listed when it was read."""

    uri: str
    size_bytes: int
    modified_ns: int


class KnownDay(Result):
    """What was read for one day."""

    day: date
    files: tuple[KnownFile, ...] = ()
    """Empty for a query."""
    digest: str
    """Content digest of the day's rows; empty for a day of none."""


class Listing(Result):
    """What was read for one table."""

    reader_version: int = READER_VERSION
    contract: str
    """Digest of where the table comes from and of its columns; another one makes everything unknown."""
    days: tuple[KnownDay, ...] = ()

    def by_day(self) -> dict[date, KnownDay]:
        """Return the days by date."""
        return {known.day: known for known in self.days}


def known_files(files: Sequence[FileInfo]) -> tuple[KnownFile, ...] | None:
    """Return files as a listing remembers them, or None when one is too young to be told from its replacement."""
    newest = time.time_ns() - SETTLED_SECONDS * 10**9
    if any(info.modified_ns > newest for info in files):
        return None
    return tuple(KnownFile(uri=info.uri, size_bytes=info.size_bytes, modified_ns=info.modified_ns) for info in files)


def same_files(known: KnownDay, files: Sequence[FileInfo]) -> bool:
    """Return whether a day's files are the ones that were read."""
    return [(f.uri, f.size_bytes, f.modified_ns) for f in known.files] == [(f.uri, f.size_bytes, f.modified_ns) for f in files]


def load_listing(files: Files, uri: str, contract: str) -> dict[date, KnownDay]:
    """Return the days known under this contract; none when the listing is missing, damaged or of another contract."""
    try:
        listing = Listing.model_validate_json(files.read_bytes(uri))
    except (FileNotFoundError, ValidationError):
        return {}
    return listing.by_day() if (listing.reader_version, listing.contract) == (READER_VERSION, contract) else {}


def save_listing(files: Files, uri: str, contract: str, days: Mapping[date, KnownDay]) -> None:
    """Remember what was read."""
    listing = Listing(contract=contract, days=tuple(days[day] for day in sorted(days)))
    files.write_bytes(uri, listing.model_dump_json().encode())
