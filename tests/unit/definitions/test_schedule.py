from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evergreen.definitions.schedule import Schedule

NEW_YORK = Schedule(at="03:00", timezone="America/New_York")


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        (date(2013, 3, 9), "2013-03-09T08:00"),
        (date(2013, 3, 10), "2013-03-10T07:00"),  # clocks jump from 02:00 to 03:00
        (date(2013, 3, 11), "2013-03-11T07:00"),
        (date(2013, 11, 2), "2013-11-02T07:00"),
        (date(2013, 11, 3), "2013-11-03T08:00"),  # clocks fall back from 02:00 to 01:00
        (date(2013, 11, 4), "2013-11-04T08:00"),
    ],
)
def test_a_night_keeps_its_local_time_when_clocks_change(day, moment):
    assert NEW_YORK.moment(day) == datetime.fromisoformat(f"{moment}+00:00")


def test_a_time_that_does_not_exist_or_exists_twice_is_still_one_moment():
    schedule = Schedule(at="02:30", timezone="America/New_York")
    assert schedule.moment(date(2013, 3, 10)) == datetime(2013, 3, 10, 7, 30, tzinfo=UTC)  # 02:30 by the old clock
    twice = Schedule(at="01:30", timezone="America/New_York")
    assert twice.moment(date(2013, 11, 3)) == datetime(2013, 11, 3, 5, 30, tzinfo=UTC)  # the first 01:30


@pytest.mark.parametrize(
    ("moment", "latest"),
    [
        ("2013-03-10T06:59:59", "2013-03-09T08:00:00"),
        ("2013-03-10T07:00:00", "2013-03-10T07:00:00"),
        ("2013-11-03T07:59:59", "2013-11-02T07:00:00"),
        ("2013-11-03T08:00:00", "2013-11-03T08:00:00"),
        ("2013-11-03T05:30:00", "2013-11-02T07:00:00"),
    ],
)
def test_the_latest_night(moment, latest):
    assert NEW_YORK.latest_moment(datetime.fromisoformat(f"{moment}+00:00")) == datetime.fromisoformat(f"{latest}+00:00")


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2014, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["00:00", "01:30", "02:30", "03:00", "23:59"]),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_the_latest_night_is_never_later_and_never_old(moment, at, timezone):
    schedule = Schedule(at=at, timezone=timezone)
    latest = schedule.latest_moment(moment)
    assert latest <= moment
    assert moment - latest <= timedelta(hours=25, minutes=1)
    assert schedule.latest_moment(latest) == latest


def test_a_day_is_local():
    assert NEW_YORK.day_of(datetime(2013, 3, 10, 4, 59, tzinfo=UTC)) == date(2013, 3, 9)
    assert NEW_YORK.day_of(datetime(2013, 3, 10, 5, 0, tzinfo=UTC)) == date(2013, 3, 10)


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "", "/etc/localtime", "a\0b"])
def test_what_is_no_time_zone(name):
    with pytest.raises(ValidationError, match="a time zone such as"):
        Schedule(timezone=name)
