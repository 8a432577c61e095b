"""The whole stage on stored nights."""

from datetime import date

import pytest

from evergreen.files import Files
from evergreen.stages.check_quality import check_quality
from evergreen.tables.observations import read_observation
from watched_model import WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 23)
TONIGHT = date(2013, 4, 24)


@pytest.fixture
def model(tmp_path):
    return WatchedModel(tmp_path, days=54)


def checked(model, day=TONIGHT):
    return check_quality(model.definition, model.collect(day), model.settings)


def test_a_usual_night_has_no_fault(model):
    model.say(A, B)
    night = checked(model)
    seen = read_observation(night, Files())
    assert "critical" not in night.findings
    assert (seen.first_day, seen.last_day, seen.rows) == (date(2013, 4, 17), B, 7 * 20)
    assert {finding.subject for finding in seen.findings} > {"rows", "distance", "carrier"}


def test_a_day_that_nobody_scored_is_missing(model):
    model.say(A, date(2013, 4, 19))
    model.say(date(2013, 4, 21), B)
    night = checked(model)
    missing = [f for f in read_observation(night, Files()).findings if f.check == "missing_day"]
    assert [(f.subject, f.severity, f.days) for f in missing] == [("2013-04-20", "critical", (date(2013, 4, 20),))]
    assert night.severity == "critical"


def test_an_old_night_says_the_same_again(model):
    model.say(A, B)
    first = checked(model, date(2013, 4, 20))
    checked(model)
    assert checked(model, date(2013, 4, 20)) == first


def test_without_a_champion_there_is_nothing_to_look_at(model):
    collected = model.collect(TONIGHT).model_copy(update={"champion": None, "scored_rows": {}, "missing_days": ()})
    night = check_quality(model.definition, collected, model.settings)
    assert (night.severity, night.findings) == ("unknown", {})
