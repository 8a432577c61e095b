"""Days that nobody answered, and what is known of why."""

from datetime import UTC, date, datetime

import pytest

from evergreen.files import Files
from evergreen.results import Check, CheckOutcome
from evergreen.stages.collect.unscored import scoring_moment, unscored_days, validation_failures
from evergreen.stages.validate.measurement import TableMeasurement
from evergreen.stages.validate.nights import Night, record_night
from evergreen.tables.day_table import DayTable
from released_models import a_definition

MAY = [date(2013, 5, day) for day in range(1, 6)]


def a_night(day, outcome):
    check = Check(table="arrivals", name="row count", target="", outcome=outcome, found="3 rows", allowed="at least 500")
    measured = TableMeasurement.model_construct(table="arrivals", new_rows=3, quarantined=0)
    return Night(datetime(2013, 5, day, 7, tzinfo=UTC), f"run-{day}", "page.html", [check], [measured])


@pytest.fixture
def definition():
    return a_definition(schedule={"at": "07:00"})


@pytest.fixture
def validations(tmp_path):
    table = DayTable(str(tmp_path / "validations"), Files())
    for day, outcome in (
        (3, CheckOutcome.FAILED),
        (4, CheckOutcome.PASSED),
        (5, CheckOutcome.FAILED),
        (6, CheckOutcome.FAILED),
    ):
        record_night(table, date(2013, 5, day), a_night(day, outcome))
    return table


def test_a_day_is_scored_by_the_first_night_that_finds_it_complete(definition):
    assert scoring_moment(definition, date(2013, 5, 2)) == datetime(2013, 5, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(("ahead", "night"), [("20h", 2), ("2d", 1), ("18h", 2), ("16h", 3)])
def test_rows_that_are_predicted_ahead_are_complete_earlier(ahead, night):
    data = a_definition().data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    definition = a_definition(schedule={"at": "07:00"}, data=data | {"predict_before": ahead})
    assert scoring_moment(definition, date(2013, 5, 2)) == datetime(2013, 5, night, 7, tzinfo=UTC)


def test_days_before_the_release_are_not_missing(definition):
    since = datetime(2013, 5, 3, 7, tzinfo=UTC)  # the night of 2 May itself: the release came out of it or after it
    assert unscored_days(definition, MAY, [date(2013, 5, 4)], since) == (date(2013, 5, 3), date(2013, 5, 5))
    assert unscored_days(definition, MAY, [], None) == ()


def test_what_validation_refused_since_is_told(definition, validations):
    told = validation_failures(definition, [date(2013, 5, 2)], validations, datetime(2013, 5, 5, 7, tzinfo=UTC))
    assert told == (
        "night of 2013-05-05: arrivals: row count: found 3 rows, allowed at least 500",
        "night of 2013-05-03: arrivals: row count: found 3 rows, allowed at least 500",
    )
    later = validation_failures(definition, [date(2013, 5, 4)], validations, datetime(2013, 5, 5, 7, tzinfo=UTC))
    assert [line[:19] for line in later] == ["night of 2013-05-05"]


def test_nothing_is_told_where_nothing_is_known(definition, validations, tmp_path):
    as_of = datetime(2013, 5, 5, 7, tzinfo=UTC)
    assert validation_failures(definition, [], validations, as_of) == ()
    assert validation_failures(definition, MAY, DayTable(str(tmp_path / "none"), Files()), as_of) == ()
