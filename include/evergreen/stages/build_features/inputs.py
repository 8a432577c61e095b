"""The validated rows that one run may read: which raw days there are, and their rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from evergreen.tables.day_table import DayTable, Partition
from evergreen.tables.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, timedelta

    import pyarrow as pa

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.results import Snapshot, TableVersion, ValidatedSnapshot


@dataclass(frozen=True)
class ValidatedInputs:
    """A validated snapshot with what is needed to read it."""

    definition: ModelDefinition
    validated: ValidatedSnapshot
    files: Files

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot itself."""
        return self.validated.snapshot

    @cached_property
    def raw(self) -> dict[str, dict[date, Partition]]:
        """Per table of the definition, the days of the snapshot's window that hold rows."""
        return self._days_of(self.snapshot.tables)

    @cached_property
    def quarantined(self) -> dict[str, dict[date, Partition]]:
        """Per table that has any, the days with quarantined rows."""
        return self._days_of(self.validated.quarantine)

    @cached_property
    def digests(self) -> dict[str, dict[date, str]]:
        """Per table and day, a digest of its rows and of those set aside."""
        return {
            name: {day: "+".join([found.digest, *self._aside(name, day)]) for day, found in days.items()}
            for name, days in self.raw.items()
        }

    def read(self, table: str, first: date | None, last: date | None) -> pa.Table:
        """Return the readable rows of a table's days; no limit where None."""
        return read_rows(
            self.definition,
            self.snapshot,
            table,
            self.files,
            quarantine=self.validated.quarantine,
            first_day=first,
            last_day=last,
        )

    def good_rows(self, table: str, day: date) -> int:
        """Rows of a day that are not quarantined, readable or not."""
        aside = self.quarantined.get(table, {}).get(day)
        return self.raw[table][day].rows - (aside.rows if aside else 0)

    def _aside(self, table: str, day: date) -> list[str]:
        aside = self.quarantined.get(table, {}).get(day)
        return [aside.digest] if aside else []

    def _days_of(self, versions: Mapping[str, TableVersion]) -> dict[str, dict[date, Partition]]:
        # A champion's definition may know fewer tables than the snapshot, which is today's.
        known = self.definition.data.tables
        return {name: self._partitions(version) for name, version in versions.items() if name in known}

    def _partitions(self, version: TableVersion) -> dict[date, Partition]:
        days = DayTable(version.uri, self.files).partitions(version.version)
        if self.definition.data.tables[version.table].is_reference:
            return days
        return {day: found for day, found in days.items() if self.snapshot.first_day <= day <= self.snapshot.last_day}


def runs_of_days(days: Iterable[date], *, gap: timedelta) -> list[list[date]]:
    """Group days so that those within `gap` of each other are read together."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] <= gap:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs
