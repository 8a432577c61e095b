"""Days that nobody answered, and what validation said of their nights."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import NotEnoughRowsError
from evergreen.features.windows import last_complete_day
from evergreen.results import CheckOutcome
from evergreen.tables.arrow_types import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date, datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.tables.day_table import DayTable

_MOST_FAILURES = 20
_MOST_DAYS_BEHIND = 8  # `predict_before` moves a night by days, not by weeks


def scoring_moment(definition: ModelDefinition, day: date) -> datetime:
    """Return the first nightly moment at which a day is complete: that of the run that scores it."""
    for behind in range(-_MOST_DAYS_BEHIND, _MOST_DAYS_BEHIND + 1):
        moment = definition.schedule.moment(day + timedelta(days=behind))
        try:
            if last_complete_day(definition, moment) >= day:
                return moment
        except NotEnoughRowsError:
            continue
    return definition.schedule.moment(day + timedelta(days=_MOST_DAYS_BEHIND))


def unscored_days(
    definition: ModelDefinition, days: Iterable[date], answered: Collection[date], since: datetime | None
) -> tuple[date, ...]:
    """Return the days without any answer whose night came after the champion was released."""
    if since is None:
        return ()
    return tuple(day for day in days if day not in answered and scoring_moment(definition, day) > since)


def validation_failures(
    definition: ModelDefinition, days: Iterable[date], validations: DayTable, as_of: datetime
) -> tuple[str, ...]:
    """Return what validation refused from the night on that should have scored the first of some days, newest night first.

    Args:
        definition: The model.
        days: Days that nobody scored.
        validations: The record of nights.
        as_of: Nothing later is read.
    """
    version = validations.version()
    since = min((scoring_moment(definition, day) for day in days), default=None)
    if version is None or since is None:
        return ()
    first, last = definition.schedule.day_of(since), definition.schedule.day_of(as_of)
    rows = validations.read(version, days=[first + timedelta(days=number) for number in range((last - first).days + 1)])
    failed = pc.equal(rows.column("outcome"), CheckOutcome.FAILED.value)
    by_then = pc.less_equal(rows.column("as_of"), pa.scalar(as_of, TIMESTAMP))
    rows = rows.filter(pc.and_(failed, by_then)).sort_by([("as_of", "descending")])
    told: dict[str, None] = {}
    for row in rows.to_pylist():
        what = f"{row['table']}: {row['name']} {row['target']}".rstrip()
        night = definition.schedule.day_of(row["as_of"])
        told[f"night of {night}: {what}: found {row['found']}, allowed {row['allowed']}"] = None
    return tuple(told)[:_MOST_FAILURES]
