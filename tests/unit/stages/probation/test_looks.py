"""On which nights which look at a new champion is due."""

from datetime import UTC, date, datetime, timedelta

import pytest

from evergreen.stages.probation import due_look
from evergreen.stages.probation.looks import NIGHTS
from released_models import a_definition
from watched_model import WatchedModel

RELEASED = datetime(2013, 4, 10, 7, tzinfo=UTC)
FIRST = date(2013, 4, 10)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A night whose champion replaced another one."""
    model = WatchedModel(tmp_path_factory.mktemp("watched"), days=45)
    model.release(2, "logistic_regression", day=FIRST)
    return model.collect(FIRST + timedelta(days=1))


def looks(collected, *, mature_after="7d", **probation):
    """Return the number of the look on each day after the release."""
    definition = a_definition(
        release={"probation": probation} if probation else {},
        monitoring={"performance": {"mature_after": mature_after}},
        schedule={"at": "07:00"},
    )
    nights = {}
    for days in range(60):
        night = collected.model_copy(update={"as_of": RELEASED + timedelta(days=days), "released_at": RELEASED})
        look = due_look(definition, night)
        if look is not None:
            nights[days] = look
    return nights


def test_each_look_is_made_in_three_nights_once_its_last_day_has_matured(collected):
    found = looks(collected)
    assert {days: look.number for days, look in found.items()} == {
        # 14 days end with the 23rd; a day has ended seven days before the night of the 1st of May, 21 days after the release.
        **dict.fromkeys(range(21, 21 + NIGHTS), 1),
        **dict.fromkeys(range(28, 28 + NIGHTS), 2),
        **dict.fromkeys(range(35, 35 + NIGHTS), 3),
    }
    assert {(look.number, look.first_day, look.last_day) for look in found.values()} == {
        (1, FIRST, date(2013, 4, 23)),
        (2, FIRST, date(2013, 4, 30)),
        (3, FIRST, date(2013, 5, 7)),
    }


def test_labels_that_take_longer_are_waited_for(collected):
    assert min(looks(collected, mature_after="20d")) == 34


def test_looks_that_overlap_give_way_to_the_first(collected):
    assert [look.number for look in looks(collected, look_after_days=[5, 6]).values()] == [1, 1, 1, 2]


def test_a_look_names_both_releases(collected):
    look = looks(collected)[21]
    assert (look.champion.version, look.replaced.version) == ("2", "1")


@pytest.mark.parametrize("missing", ["champion", "replaced", "released_at"])
def test_without_a_release_before_there_is_no_look(collected, missing):
    assert not looks(collected.model_copy(update={missing: None})) or missing == "released_at"
    night = collected.model_copy(update={"as_of": RELEASED + timedelta(days=21), missing: None})
    assert due_look(a_definition(), night) is None


def test_no_numbers_no_probation(collected):
    assert looks(collected, look_after_days=[]) == {}
