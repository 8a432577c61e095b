"""Which moments and which raw days the features of one day depend on. Everything here follows from the definition alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from evergreen.errors import NotEnoughRowsError

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.schedule import Schedule

ONE_DAY = timedelta(days=1)


def start_of_day(schedule: Schedule, day: date) -> datetime:
    """Local midnight, as an aware UTC datetime."""
    return datetime.combine(day, time(), tzinfo=schedule.zone).astimezone(UTC)


def last_mature_day(schedule: Schedule, as_of: datetime, mature_after: timedelta) -> date:
    """Return the newest local day that had ended `mature_after` before an as-of.

    Labels of younger days are left out whatever they say: those that arrive first are not like the others.
    """
    return schedule.day_of(as_of - mature_after) - ONE_DAY


def last_complete_day(definition: ModelDefinition, as_of: datetime) -> date:
    """The newest day whose every row has reached its moment of prediction.

    Raises:
        NotEnoughRowsError: No day of the history is complete yet.
    """
    latest_end = as_of + definition.data.predict_before
    last = definition.schedule.day_of(latest_end) - ONE_DAY
    if definition.data.last_day is not None:
        last = min(last, definition.data.last_day)
    if last < definition.data.first_day:
        raise NotEnoughRowsError(
            f"no day of {definition.name!r} is complete yet",
            found=f"as-of {as_of.isoformat()}, data.first_day {definition.data.first_day}",
            allowed="an as-of after the end of the first day",
            remedy="ask for a later as-of, or set an earlier data.first_day",
        )
    return last


@dataclass(frozen=True)
class RawWindow:
    """Days of one raw table; `first` is None where there is no limit backwards."""

    first: date | None
    last: date


def raw_windows(definition: ModelDefinition, day: date, *, with_entities: bool) -> dict[str, RawWindow]:
    """Return the days of each raw table that may reach the features of `day`; tables not named cannot.

    A reference table has no days: it is there, with a window that says nothing, when user code can see it at all.
    """
    data, schedule = definition.data, definition.schedule
    first_moment = start_of_day(schedule, day) - data.predict_before
    last_moment = start_of_day(schedule, day + ONE_DAY) - data.predict_before - timedelta(microseconds=1)
    oldest_history = schedule.day_of(schedule.latest_moment(first_moment) - definition.features.history)
    newest_history = schedule.day_of(schedule.latest_moment(last_moment))
    windows: dict[str, RawWindow] = {}
    for name, table in data.tables.items():
        spans = [RawWindow(day, day)] if name == data.rows else []
        if table.join is not None:
            unlimited = table.join.within is None or table.is_reference
            oldest = None if unlimited else schedule.day_of(first_moment - (table.join.within or timedelta()))
            spans.append(RawWindow(oldest, schedule.day_of(last_moment)))
        if with_entities:
            spans.append(RawWindow(oldest_history, newest_history))
        if spans:
            windows[name] = _union(spans)
    return windows


def _union(spans: list[RawWindow]) -> RawWindow:
    firsts = [span.first for span in spans if span.first is not None]
    return RawWindow(min(firsts) if len(firsts) == len(spans) else None, max(span.last for span in spans))
