"""Section `schedule`: the clock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from evergreen.definitions.words import Delay, Section, fits


def _is_timezone(name: str) -> bool:
    # zoneinfo's list of all names costs 20 ms to gather, opening one file does not.
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, a folder
        return False
    return True


_TIMEZONE_WORDS = "a time zone such as Europe/Berlin or UTC"
Timezone = Annotated[str, fits(_TIMEZONE_WORDS, _is_timezone), _TIMEZONE_WORDS]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), "a time of day such as 03:00"]


class Schedule(Section):
    """The clock. A day begins and ends at midnight of `timezone`; its entity features are those of its `at`."""

    at: TimeOfDay = "03:00"
    """Local time of the nightly run, and the moment a plain date means as an as-of."""
    timezone: Timezone = "UTC"
    """Whose midnight ends a day, and whose clock `at` is on."""
    training: Literal["nightly", "weekly", "manual"] = "nightly"
    """How often a challenger is trained: every night, on Mondays, or only when somebody triggers it."""
    scoring: Literal["nightly", "manual"] = "nightly"
    """How often the newest complete day is scored."""
    catch_up: Delay = timedelta(days=14)
    """How far back a scoring night also scores days that earlier nights missed; nothing before the first scored day."""
    monitoring: Literal["nightly", "manual"] = "nightly"
    """How often the champion is watched."""
    timeout_minutes: int = Field(120, ge=1)
    """Longest run of one task."""
    retries: int = Field(2, ge=0, le=10)
    """Tries after the first, for what retrying can help."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @property
    def time_of_day(self) -> time:
        """`at` as a time."""
        return time.fromisoformat(self.at)

    def moment(self, day: date) -> datetime:
        """The as-of moment of a day: `at`, local time, as an aware UTC datetime."""
        return datetime.combine(day, self.time_of_day, tzinfo=self.zone).astimezone(ZoneInfo("UTC"))

    def day_of(self, moment: datetime) -> date:
        """The local day in which a moment lies."""
        return moment.astimezone(self.zone).date()

    def latest_moment(self, moment: datetime) -> datetime:
        """The newest nightly moment that is not after `moment`."""
        day = self.day_of(moment)
        tonight = self.moment(day)
        return tonight if tonight <= moment else self.moment(day - timedelta(days=1))
