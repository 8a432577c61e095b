"""Ingest: landing files and queries become tables by day, and a snapshot says which version of each a run uses.

A night costs the new day: unchanged files are known from their listing and not read, unchanged days are known from their
digest and not written. Every table is read and checked before the first one is written.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.erasure.standing import standing_erasures
from evergreen.errors import LandingError, RequestError
from evergreen.files import Files
from evergreen.results import Snapshot, TableVersion
from evergreen.tables import addresses
from evergreen.tables.contract import contract_of
from evergreen.tables.day_table import REFERENCE_DAY, DayTable
from evergreen.tables.landing import find_days, read_days
from evergreen.tables.listing import KnownDay, known_files, load_listing, same_files, save_listing
from evergreen.tables.sql import query_days

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.data import ColumnType, SqlSource, Table
    from evergreen.erasure.standing import StandingErasures
    from evergreen.files import FileInfo
    from evergreen.settings import Settings
    from evergreen.tables.day_table import Partition

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """One table to be brought up to date."""

    name: str
    table: Table
    raw: DayTable
    stored: Mapping[date, Partition]
    known: Mapping[date, KnownDay]
    first_day: date
    last_day: date

    def holds(self, day: date) -> bool:
        """Return whether the table still holds what was read for a day."""
        known, stored = self.known.get(day), self.stored.get(day)
        return known is not None and known.digest == (stored.digest if stored else "")

    def within(self, day: date) -> bool:
        """Return whether a day belongs to this run."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True)
class _Intake:
    """What was read for one table, checked and not yet written."""

    job: _Job
    days: Mapping[date, pa.Table]
    files: Mapping[date, tuple[FileInfo, ...]]
    """Files of each day; none for a query."""


def ingest(
    definition: ModelDefinition,
    settings: Settings,
    as_of: datetime,
    *,
    first_day: date | None = None,
    resolve_connection: Callable[[str], str] | None = None,
    force: bool = False,
) -> Snapshot:
    """Bring the raw tables up to date and return the snapshot of a run.

    The window begins at `data.first_day` and ends with the local day of `as_of`; later days are neither read nor part of
    the snapshot. A day whose landing file is gone keeps its rows; a day whose file has no rows any more loses them.

    Args:
        definition: The model definition.
        settings: Where things are.
        as_of: The moment the run pretends it is; aware.
        first_day: First day of the window, when it is to begin later.
        resolve_connection: Turns a connection id of a SQL source into a SQLAlchemy URL.
        force: Read every day of the window again; what did not change is still not written.

    Rows of whoever is to be forgotten are left out, whatever is delivered.

    Raises:
        LandingError: Files or queries cannot be read or break the contract, or a table has no rows; nothing is written.
        RequestError: The window is empty.
        SettingsError: A SQL source's address or driver is wrong.
        StoreUnavailableError: A store or database did not answer.
    """
    first, last = _window(definition, as_of, first_day)
    files, erased = Files.from_settings(settings), standing_erasures(settings, definition.name)
    folder = addresses.landing_folder(settings, definition.name)
    listing = files.list(folder) if any(table.files for table in definition.data.tables.values()) else []
    intakes = []
    for name in definition.data.tables:
        job = _job(name, definition, settings, files, (first, last), force=force)
        read = _read_files(job, listing, folder, files) if job.table.files else _query(job, definition, resolve_connection)
        read = _without_erased(read, definition, erased)
        _refuse_empty(read, listing, folder)
        intakes.append(read)
    versions, written = {}, 0
    for intake in intakes:
        versions[intake.job.name], count = _write(intake, definition, settings, files, as_of)
        written += count
    if _take_out_what_crossed(intakes, definition, settings, files, erased):
        return ingest(definition, settings, as_of, first_day=first_day, resolve_connection=resolve_connection, force=force)
    return Snapshot(
        model=definition.name,
        as_of=as_of,
        first_day=first,
        last_day=last,
        tables=versions,
        digest=digest_json({name: version.digest for name, version in versions.items()}),
        written_days=written,
    )


def _job(
    name: str, definition: ModelDefinition, settings: Settings, files: Files, window: tuple[date, date], *, force: bool
) -> _Job:
    table = definition.data.tables[name]
    raw = DayTable(addresses.raw_uri(settings, definition.name, name), files)
    uri = addresses.listing_uri(settings, definition.name, name)
    known = {} if force else load_listing(files, uri, _contract_digest(definition, table))
    first, last = (REFERENCE_DAY, REFERENCE_DAY) if table.is_reference else window
    return _Job(name, table, raw, raw.partitions(), known, first, last)


def _window(definition: ModelDefinition, as_of: datetime, first_day: date | None) -> tuple[date, date]:
    if as_of.tzinfo is None:
        raise RequestError(
            "an as-of has no time zone",
            found=as_of.isoformat(),
            allowed="a moment with a time zone",
            remedy="add one, such as +00:00",
        )
    data = definition.data
    first = max(data.first_day, first_day or data.first_day)
    last = min(definition.schedule.day_of(as_of), data.last_day or date.max)
    if first > last:
        raise RequestError(
            "the window holds no day",
            found=f"{first} to {last}",
            allowed=f"an as-of on or after {first} ({definition.schedule.timezone})",
            remedy="choose a later as-of or an earlier first day",
        )
    return first, last


def _contract_digest(definition: ModelDefinition, table: Table) -> str:
    """Digest of everything that decides which rows the same bytes become."""
    value = table.model_dump(mode="json", include={"files", "sql", "columns", "event_time", "available_at", "key"})
    return digest_json([value, definition.schedule.timezone])


def _contract(job: _Job) -> Mapping[str, ColumnType]:
    """The declared contract, else that of the rows there are, else none yet."""
    if job.table.columns or not job.stored:
        return job.table.columns
    schema = job.raw.schema()
    return contract_of(schema) if schema is not None else {}


def _moments(table: Table) -> list[str]:
    return [column for column in (table.event_time, table.available_at) if column]


def _read_files(job: _Job, listing: list[FileInfo], folder: str, files: Files) -> _Intake:
    landed = find_days(listing, folder, job.table.files or "")
    new = [
        landing
        for day, landing in landed.items()
        if job.within(day) and not (job.holds(day) and same_files(job.known[day], landing.files))
    ]
    rows = read_days(new, files, _contract(job), moments=_moments(job.table))
    return _Intake(job, rows, {landing.day: landing.files for landing in new})


def _query(job: _Job, definition: ModelDefinition, resolve_connection: Callable[[str], str] | None) -> _Intake:
    source: SqlSource | None = job.table.sql
    if source is None:
        return _Intake(job, {}, {})
    recheck_from = job.last_day - source.recheck
    span = range((job.last_day - job.first_day).days + 1)
    days = [job.first_day + timedelta(days=number) for number in span]
    rows = query_days(
        source,
        [day for day in days if job.table.is_reference or day >= recheck_from or not job.holds(day)],
        _contract(job),
        key=job.table.key,
        moments=_moments(job.table),
        schedule=definition.schedule,
        resolve_connection=resolve_connection,
    )
    return _Intake(job, rows, {})


def _without_erased(intake: _Intake, definition: ModelDefinition, erased: StandingErasures) -> _Intake:
    match = erased.of_source(definition, intake.job.name)
    days = {day: erased.without(rows, match) for day, rows in intake.days.items()}
    return _Intake(intake.job, days, intake.files)


def _take_out_what_crossed(
    intakes: list[_Intake], definition: ModelDefinition, settings: Settings, files: Files, erased: StandingErasures
) -> bool:
    """Take out what was written while an erasure began that was not known when it was read; return whether one did.

    Whoever erases looks for rows after it is recorded. So either it saw these rows, or this run sees the record now.
    """
    now = standing_erasures(settings, definition.name)
    if now.erasures == erased.erasures:
        return False
    for intake in intakes:
        now.take_out(intake.job.raw, now.of_source(definition, intake.job.name), settings, files)
    return True


def _refuse_empty(intake: _Intake, listing: list[FileInfo], folder: str) -> None:
    """Raise when the run would have no row of a table."""
    job = intake.job
    if any(rows.num_rows for rows in intake.days.values()):
        return
    if any(job.within(day) and day not in intake.days for day in job.stored):
        return
    span = "" if job.table.is_reference else f" from {job.first_day} to {job.last_day}"
    if job.table.files:
        landed = find_days(listing, folder, job.table.files)
        found = f"{len(landed)} days of files{f', {min(landed)} to {max(landed)}' if landed else ''} below {folder}"
        if job.table.is_reference:
            found = f"{'a file without rows' if landed else 'no such file'} below {folder}"
    else:
        found = "a query without rows"
    raise LandingError(
        f"table {job.name!r} has no rows{span}",
        found=found,
        allowed=job.table.files or "a query that returns rows",
        remedy="deliver the data, then run again; `evergreen seed` writes that of the models that ship",
    )


def _write(
    intake: _Intake, definition: ModelDefinition, settings: Settings, files: Files, as_of: datetime
) -> tuple[TableVersion, int]:
    """Commit one table's days and remember what was read; return its version and how many days were written."""
    job = intake.job
    partitions, version, written = dict(job.stored), job.raw.version(), 0
    if intake.days:
        result = job.raw.write_days(intake.days, metadata={"stage": "ingest", "as_of": as_of.isoformat()})
        partitions, version, written = result.partitions, result.version, len(result.written)
    elif version is not None:
        partitions = job.raw.partitions(version)
    _remember(intake, partitions, definition, settings, files, as_of)
    mine = [partition for day, partition in partitions.items() if job.within(day)]
    rows = sum(partition.rows for partition in mine)
    logger.info("%s: %d days, %d rows; %d days read, %d written", job.name, len(mine), rows, len(intake.days), written)
    table_version = TableVersion(
        table=job.name,
        uri=job.raw.uri,
        version=version if version is not None else 0,
        digest=DayTable.snapshot_digest(mine),
        first_day=mine[0].day,
        last_day=mine[-1].day,
        days=len(mine),
        rows=rows,
    )
    return table_version, written


def _remember(
    intake: _Intake,
    partitions: Mapping[date, Partition],
    definition: ModelDefinition,
    settings: Settings,
    files: Files,
    as_of: datetime,
) -> None:
    job, known = intake.job, dict(intake.job.known)
    for day in intake.days:
        seen = known_files(intake.files.get(day, ()))
        over = job.table.files is not None or _end_of(day, definition) <= as_of  # a query of today will know more tomorrow
        known.pop(day, None)
        if seen is not None and over:
            known[day] = KnownDay(day=day, files=seen, digest=partitions[day].digest if day in partitions else "")
    if known != job.known:
        uri = addresses.listing_uri(settings, definition.name, job.name)
        save_listing(files, uri, _contract_digest(definition, job.table), known)


def _end_of(day: date, definition: ModelDefinition) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=definition.schedule.zone).astimezone(UTC)
