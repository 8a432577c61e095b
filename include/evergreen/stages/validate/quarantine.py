"""Set rows aside: written whole, with their reasons, before anything else relies on their absence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.digests import digest_table
from evergreen.errors import StoreUnavailableError
from evergreen.results import TableVersion
from evergreen.tables.arrow_types import keepable
from evergreen.tables.day_table import DayTable
from evergreen.tables.rows import ROW_ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.stages.validate.measurement import DayProfile, TableMeasurement
    from evergreen.stages.validate.measuring import MeasuredTable
    from evergreen.stages.validate.reading import TableJob
    from evergreen.tables.day_table import Partition


@dataclass(frozen=True)
class KeptQuarantine:
    """A table's quarantine after a passed night."""

    version: TableVersion | None
    """The quarantine as this run leaves it; None when no row of the window is set aside."""
    digests: dict[str, str]
    """Digest of the rows set aside, by day."""
    acceptable: tuple[DayProfile, ...]
    """Days that need not be judged again while they stay as they are."""


def keep_quarantine(job: TableJob, measured: MeasuredTable) -> KeptQuarantine:
    """Write the new days' quarantined rows, and take back what earlier judgements of those days had set aside.

    Rows are taken back only on days that this run judged as a whole: due, with every row readable. On the other days an
    earlier as-of sees less than what may have been judged before, so that rows are only added there.

    The quarantine that is handed on is one version of it, in which every day is as this run knows it: days that stand as
    their digest was when the run began, new days as they were just written. A run beside this one may have changed them.

    Raises:
        StoreUnavailableError: Another run changed the quarantine of a day meanwhile; run again, it judges by what is there.
    """
    numbers = measured.measurement
    whole = [day for day in numbers.new_days if _as_a_whole(numbers, day)]
    partial = {day: rows for day, rows in measured.quarantine.items() if day not in whole}
    written = {day: measured.quarantine[day] for day in whole if day in measured.quarantine}
    cleared = [day for day in whole if day in job.quarantined and day not in written]
    if written or cleared:
        job.quarantine.write_days({**written, **dict.fromkeys(cleared, pa.table({}))})  # no rows: the day goes
    for day, rows in partial.items():
        _add_rows(job, day, rows)
    version = job.quarantine.version()
    there = job.quarantine.partitions(version) if version is not None else {}
    live = {day: there[day] for day in sorted(there) if day in job.partitions}
    known = {day: job.quarantined.get(day) for day in job.partitions if day not in numbers.new_days}
    known |= {day: digest_table(keepable(written[day])) if day in written else None for day in whole}
    _require_unchanged(job, known, live)
    _require_kept(job, partial, version)
    profiles = dict(numbers.profiles)
    profiles |= {day: profiles[day].model_copy(update={"quarantine_digest": known[day]}) for day in whole}
    acceptable = tuple(profile for day, profile in profiles.items() if _as_a_whole(numbers, day))
    return KeptQuarantine(
        _table_version(job, version, live), {day.isoformat(): found.digest for day, found in live.items()}, acceptable
    )


def _as_a_whole(numbers: TableMeasurement, day: date) -> bool:
    profile = numbers.profiles[day]
    return numbers.reference or (profile.due and profile.settled_at is not None)


def _add_rows(job: TableJob, day: date, rows: pa.Table) -> None:
    """Set rows of a day aside beside those that are aside already; only those of an earlier delivery of the day go."""
    delivery = f"{day:%Y%m%d}-{job.partitions[day].digest[:8]}-"

    def add(present: pa.Table | None) -> pa.Table:
        if present is None:
            return rows
        stay = present.filter(pc.starts_with(present.column(ROW_ID), delivery))
        more = rows.filter(pc.invert(pc.is_in(rows.column(ROW_ID), value_set=stay.column(ROW_ID))))
        return pa.concat_tables([stay, more], promote_options="permissive") if stay.num_rows else rows

    version = job.quarantine.version()
    if version is None or not _ids(rows) <= _ids(job.quarantine.read(version, days=[day], columns=[ROW_ID])):
        job.quarantine.change_day(day, add)


def _ids(rows: pa.Table) -> set[str]:
    return set(rows.column(ROW_ID).to_pylist())


def _require_unchanged(job: TableJob, known: Mapping[date, str | None], live: Mapping[date, Partition]) -> None:
    changed = [day for day in sorted(known) if known[day] != (live[day].digest if day in live else None)]
    if changed:
        raise _changed(job, changed)


def _require_kept(job: TableJob, added: Mapping[date, pa.Table], version: int | None) -> None:
    if not added or version is None:
        return
    there = _ids(job.quarantine.read(version, days=list(added), columns=[ROW_ID]))
    lost = [day for day in sorted(added) if not _ids(added[day]) <= there]
    if lost:
        raise _changed(job, lost)


def _changed(job: TableJob, days: list[date]) -> StoreUnavailableError:
    shown = ", ".join(day.isoformat() for day in days[:5])
    return StoreUnavailableError(
        "another run changed which rows are set aside while this one judged",
        found=f"table {job.name}: {len(days)} days, {shown}{', …' if len(days) > 5 else ''}",
        allowed="a quarantine that stays as it was read or written until the night is accepted",
        remedy="run again: the changed days are judged by what is there then",
    )


def _table_version(job: TableJob, version: int | None, live: Mapping[date, Partition]) -> TableVersion | None:
    if version is None or not live:
        return None
    return TableVersion(
        table=job.name,
        uri=job.quarantine.uri,
        version=version,
        digest=DayTable.snapshot_digest(live.values()),
        first_day=min(live),
        last_day=max(live),
        days=len(live),
        rows=sum(partition.rows for partition in live.values()),
    )
