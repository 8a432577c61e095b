"""One table's new days as rows, with the history they are judged against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.stages.validate.records import reusable
from evergreen.tables.duplicates import repeated_keys
from evergreen.tables.rows import ROW_ID, row_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from evergreen.definitions.data import Label, Table
    from evergreen.definitions.schedule import Schedule
    from evergreen.definitions.validation import TableValidation
    from evergreen.stages.validate.measurement import DayProfile
    from evergreen.tables.day_table import DayTable, Partition


@dataclass(frozen=True)
class TableJob:
    """One table to be judged on one night."""

    name: str
    table: Table
    rules: TableValidation
    label: Label | None
    """The label, when this table holds it."""
    schedule: Schedule
    as_of: datetime
    last_day: date
    """Newest day that may have rows."""
    raw: DayTable
    version: int
    partitions: Mapping[date, Partition]
    quarantine: DayTable
    quarantined: Mapping[date, str]
    """Digest of the quarantine by day, as it lies there now."""
    accepted: Mapping[date, DayProfile]
    accepted_gaps: frozenset[date] = frozenset()
    """Days without rows with which an earlier night passed."""

    def standing(self) -> dict[date, DayProfile]:
        """Return the days whose earlier judgement stands."""
        found = {day: self.accepted.get(day) for day in sorted(self.partitions)}
        return {
            day: profile
            for day, profile in found.items()
            if profile is not None
            and reusable(
                profile,
                digest=self.partitions[day].digest,
                quarantined=self.quarantined,
                as_of=self.as_of,
                reference=self.table.is_reference,
            )
        }


def read_days(job: TableJob, days: Collection[date]) -> pa.Table:
    """Read whole days, in order, with the stable `_row_id` of each row."""
    rows = job.raw.read(job.version, days=days)
    return rows.append_column(ROW_ID, row_ids(rows))


def count_repeated_keys(job: TableJob, frame: pd.DataFrame, new_days: Collection[date]) -> tuple[int, tuple[str, ...]]:
    """Count new rows whose key another row has too; with the first few keys.

    New days are compared with each other and with the trailing span of the row counts on either side: a night must not
    cost the whole history. A row in its own day cannot share a key that holds the event time with a row of another day, so
    that such tables are not read again.
    """
    key = list(job.table.key)
    together = frame[key]
    others = _neighbours(job, new_days)
    if others and job.table.event_time not in key and job.rules.deduplicate != "keep_last":
        together = pd.concat([_other_keys(job, others), together], ignore_index=True)
    failing = repeated_keys(together, key)[len(together) - len(frame) :]
    shown = frame[key][failing].drop_duplicates().head(5)
    return int(failing.sum()), tuple(", ".join(str(value) for value in row) for row in shown.itertuples(index=False))


def _neighbours(job: TableJob, new_days: Collection[date]) -> list[date]:
    span = job.rules.row_count.trailing
    known = set(job.partitions) - set(new_days)
    return sorted(day for day in known if any(abs(day - new) <= span for new in new_days))


def _other_keys(job: TableJob, days: Collection[date]) -> pd.DataFrame:
    rows = job.raw.read(job.version, days=days, columns=list(job.table.key))
    keys: pd.DataFrame = rows.select(list(job.table.key)).to_pandas()
    version = job.quarantine.version()
    if version is None:
        return keys
    aside = job.quarantine.read(version, columns=[ROW_ID]).column(ROW_ID)
    return keys[~np.asarray(pc.is_in(row_ids(rows), value_set=aside))] if len(aside) else keys
