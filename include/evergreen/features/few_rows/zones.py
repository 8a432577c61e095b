"""What the wall clocks of a time zone show, by the zone's rules as pandas knows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.features.few_rows.kinds import refuse

if TYPE_CHECKING:
    from datetime import tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_MOST_HOURS = 100_000
"""Hours remembered; a caller that asks about more than eleven years of them is answered more slowly."""


class Zone:
    """Offsets of one time zone.

    Args:
        name: As pandas takes it, such as `America/New_York`.
    """

    def __init__(self, name: str) -> None:
        self._rules: tzinfo | None = pd.Timestamp(0, tz=name).tzinfo
        self._by_hour: dict[int, int | None] = {}

    def offset(self, moment: int) -> int:
        """Return how far the wall clock is ahead of UTC.

        Args:
            moment: Microseconds since 1970, UTC.

        Returns:
            Microseconds, negative in the west.
        """
        hour = moment // _HOUR
        try:
            known = self._by_hour[hour]
        except KeyError:
            known = self._remember(hour)
        return self._look_up(moment) if known is None else known

    def _remember(self, hour: int) -> int | None:
        """Keep the offset of an hour in which the clock is not put forward or back."""
        if len(self._by_hour) >= _MOST_HOURS:
            self._by_hour.clear()
        first, last = self._look_up(hour * _HOUR), self._look_up((hour + 1) * _HOUR - 1)
        known = self._by_hour[hour] = first if first == last else None
        return known

    def _look_up(self, moment: int) -> int:
        offset = (_EPOCH + timedelta(microseconds=moment)).astimezone(self._rules).utcoffset()
        return 0 if offset is None else offset // _MICROSECOND

    def moment(self, wall: int) -> int:
        """Return the moment at which the wall clock shows something, given in microseconds since its own 1970.

        It must be the only one: pandas raises where the clock skips it or shows it twice.
        """
        offsets = {self.offset(wall - _DAY), self.offset(wall + _DAY)}
        found = [wall - offset for offset in offsets if self.offset(wall - offset) == offset]
        if len(found) != 1:
            raise refuse("a local time that does not exist or exists twice")
        return found[0]
