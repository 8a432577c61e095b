"""Which days are over, and for how long."""

from datetime import UTC, date, datetime, timedelta

import pytest

from evergreen.definitions.schedule import Schedule
from evergreen.features.windows import last_mature_day

NEW_YORK = Schedule(timezone="America/New_York")


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (datetime(2013, 4, 10, 4, 0, tzinfo=UTC), date(2013, 4, 2)),  # midnight in New York, to the second
        (datetime(2013, 4, 10, 3, 59, 59, tzinfo=UTC), date(2013, 4, 1)),
    ],
)
def test_a_day_is_mature_a_week_after_its_own_midnight(as_of, expected):
    assert last_mature_day(NEW_YORK, as_of, timedelta(days=7)) == expected


def test_a_day_is_mature_when_it_ended_long_enough_ago():
    moment = datetime(2013, 4, 24, 7, tzinfo=UTC)
    utc = Schedule(timezone="UTC")
    assert last_mature_day(utc, moment, timedelta(days=7)) == date(2013, 4, 16)
    assert last_mature_day(utc, moment, timedelta(days=7, hours=7)) == date(2013, 4, 16)
    assert last_mature_day(utc, moment, timedelta(days=7, hours=7, seconds=1)) == date(2013, 4, 15)
    assert last_mature_day(utc, moment, timedelta()) == date(2013, 4, 23)
