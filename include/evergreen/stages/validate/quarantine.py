"""Set rows aside: written whole, with their reasons, before anything else relies on their absence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.results import TableVersion
from evergreen.tables.day_table import DayTable

if TYPE_CHECKING:
    from evergreen.stages.validate.measurement import DayProfile
    from evergreen.stages.validate.measuring import MeasuredTable
    from evergreen.stages.validate.reading import TableJob


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
    """Write the new days' quarantined rows, and take back what earlier judgements of those days had set aside."""
    numbers = measured.measurement
    cleared = [day for day in numbers.new_days if day in job.quarantined and day not in measured.quarantine]
    if measured.quarantine or cleared:
        job.quarantine.write_days({**measured.quarantine, **dict.fromkeys(cleared, pa.table({}))})  # no rows: the day goes
    version = job.quarantine.version()
    there = job.quarantine.partitions(version) if version is not None else {}
    live = {day: there[day] for day in sorted(there) if day in job.partitions}
    profiles = {
        day: profile.model_copy(update={"quarantine_digest": live[day].digest if day in live else None})
        for day, profile in numbers.profiles.items()
    }
    acceptable = tuple(
        profile for profile in profiles.values() if numbers.reference or (profile.due and profile.settled_at is not None)
    )
    digests = {day.isoformat(): partition.digest for day, partition in live.items()}
    if version is None or not live:
        return KeptQuarantine(None, digests, acceptable)
    return KeptQuarantine(
        TableVersion(
            table=job.name,
            uri=job.quarantine.uri,
            version=version,
            digest=DayTable.snapshot_digest(live.values()),
            first_day=min(live),
            last_day=max(live),
            days=len(live),
            rows=sum(partition.rows for partition in live.values()),
        ),
        digests,
        acceptable,
    )
