from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from evergreen.definitions.schedule import Schedule
from evergreen.stages.validate.availability import Clock
from evergreen.stages.validate.contract import place_rows
from evergreen.stages.validate.measurement import DayProfile
from unit.stages.validate.small_shop import make_definition

SCHEDULE = Schedule(timezone="America/New_York")
DAY = date(2013, 3, 10)
"""The day the clocks go forward in New York: it lasts from 05:00 to 04:00 UTC."""
AS_OF = datetime(2013, 3, 11, 7, tzinfo=UTC)


def place(*moments: str | None, as_of: datetime = AS_OF, **table: object):
    at = pd.Series(pd.to_datetime(list(moments), utc=True)).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"id": [f"o{n}" for n in range(len(moments))], "at": at, "_day": DAY})
    definition = make_definition(table=dict(table))
    return place_rows(frame, definition.data.tables["orders"], SCHEDULE, as_of)


@pytest.mark.parametrize(
    ("moment", "outside"),
    [
        ("2013-03-10T04:59:59.999999Z", True),
        ("2013-03-10T05:00:00Z", False),
        ("2013-03-11T03:59:59.999999Z", False),
        ("2013-03-11T04:00:00Z", True),
        ("2031-01-01T00:00:00Z", True),
    ],
)
def test_a_row_lies_in_its_local_day(moment: str, outside: bool) -> None:
    assert place(moment).misplaced.tolist() == [outside]


def test_missing_times_are_out_of_place() -> None:
    placed = place("2013-03-10T12:00:00Z", None)
    assert placed.misplaced.tolist() == [False, True]
    assert placed.readable.tolist() == [True, False]


def test_a_row_is_readable_from_its_moment_of_availability_on() -> None:
    at, as_of = "2013-03-10T12:00:00Z", datetime(2013, 3, 10, 13, tzinfo=UTC)
    assert place(at, as_of=as_of, available_after="1h").readable.tolist() == [True]
    assert place(at, as_of=as_of - timedelta(microseconds=1), available_after="1h").readable.tolist() == [False]
    assert place(at, as_of=as_of - timedelta(days=6), available_after="-7d").readable.tolist() == [True]


def test_a_reference_table_is_always_readable_but_needs_its_keys() -> None:
    table = make_definition().data.tables["shops"]
    placed = place_rows(pd.DataFrame({"shop": ["north", None], "_day": DAY}), table, SCHEDULE, AS_OF)
    assert placed.readable.tolist() == [True, False]
    assert [rule.severity for rule in placed.rules] == ["fail"]


def clock(**table: object) -> Clock:
    columns = {"id": "string", "at": "timestamp", "known": "timestamp", "late": "integer"}
    return Clock(make_definition(table={"columns": columns, **table}).data.tables["orders"], SCHEDULE, AS_OF)


ENDS = datetime(2013, 3, 11, 4, tzinfo=UTC)


def test_a_day_is_due_when_its_rows_are_declared_to_be_there() -> None:
    assert clock(available_after="1h").due_at(DAY, None) == ENDS + timedelta(hours=1)
    assert clock(available_after="-7d").due_at(DAY, None) == ENDS - timedelta(days=7)


def test_lateness_is_learned_from_settled_days() -> None:
    learning = clock(available_at="known")
    assert learning.due_at(DAY, None) is None
    assert learning.due_at(DAY, ENDS - timedelta(hours=3)) == ENDS, "not before the day is over"
    for hours in (1, 2, 30):
        learning.learn(settled(hours * 3600.0))
    learning.learn(settled(None))
    assert learning.due_at(DAY, None) == ENDS + timedelta(hours=2)


def settled(lag_seconds: float | None) -> DayProfile:
    return DayProfile(
        day=DAY,
        digest="d",
        delivered_rows=1,
        rows=1,
        copies=0,
        due=True,
        due_at=ENDS,
        settled_at=ENDS if lag_seconds is not None else None,
        lag_seconds=lag_seconds,
        nulls={},
        ranges={},
        categories={},
    )
