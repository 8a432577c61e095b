"""When a day's rows may be read, and when the day is to be complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from evergreen.stages.validate.profiles import end_of_day

if TYPE_CHECKING:
    from datetime import date, datetime

    from evergreen.definitions.data import Table
    from evergreen.definitions.schedule import Schedule
    from evergreen.stages.validate.measurement import DayProfile

_LAG_DAYS = 28


@dataclass
class Clock:
    """Knows how late a table's rows usually are: declared by `available_after`, or learned from the days before."""

    table: Table
    schedule: Schedule
    as_of: datetime
    _lags: list[float] = field(default_factory=list)

    def learn(self, profile: DayProfile) -> None:
        """Remember a day whose every row has become readable."""
        if profile.lag_seconds is not None and profile.settled_at is not None:
            self._lags.append(profile.lag_seconds)

    @property
    def lag(self) -> timedelta | None:
        """How long after a day's end its rows are usually readable; None when that is not known yet."""
        if self.table.is_reference:
            return timedelta(0)
        if self.table.available_at is None:
            return self.table.available_after
        return timedelta(seconds=median(self._lags[-_LAG_DAYS:])) if self._lags else None

    def due_at(self, day: date, settled_at: datetime | None) -> datetime | None:
        """Return when a day is to be complete; None when nothing tells.

        A day that is due is judged as a whole: its row count, its shares, its averages. Without earlier days to learn from,
        a day is due once it is over and every delivered row is readable.
        """
        if self.table.is_reference:
            return self.as_of
        ends = end_of_day(day, self.schedule)
        if self.lag is not None:
            return ends + self.lag
        return max(ends, settled_at) if settled_at is not None else None
