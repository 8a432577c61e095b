"""The as-of and the overrides of a run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.connect.run import Run, require_known, resolve_as_of, run_id_of, with_overrides
from evergreen.definitions import load_definition
from evergreen.errors import RequestError
from evergreen.settings import Settings

FLIGHTS = load_definition(Path(__file__).parents[3] / "include" / "models" / "flight_delays")
ANY = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # 03:00 in New York is 08:00 UTC in winter and 07:00 UTC in summer.
        ("2013-02-01", datetime(2013, 2, 1, 8, tzinfo=UTC)),
        ("2013-04-01", datetime(2013, 4, 1, 7, tzinfo=UTC)),
        ("2013-04-01T12:30:00+00:00", datetime(2013, 4, 1, 12, 30, tzinfo=UTC)),
        ("2013-04-01T12:30:00-04:00", datetime(2013, 4, 1, 16, 30, tzinfo=UTC)),
    ],
)
def test_an_asked_as_of_wins_over_the_schedule(asked, expected):
    assert resolve_as_of(FLIGHTS, asked, ANY) == expected


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [
        (datetime(2013, 4, 1, 7, 0, tzinfo=UTC), datetime(2013, 4, 1, 7, tzinfo=UTC)),
        (datetime(2013, 4, 1, 6, 59, tzinfo=UTC), datetime(2013, 3, 31, 7, tzinfo=UTC)),
        (datetime(2013, 4, 1, 22, 0, tzinfo=UTC), datetime(2013, 4, 1, 7, tzinfo=UTC)),
    ],
)
def test_a_scheduled_run_stands_at_its_newest_nightly_moment(scheduled, expected):
    assert resolve_as_of(FLIGHTS, None, scheduled) == expected


@pytest.mark.parametrize("asked", ["2013-13-01", "yesterday", "2013-04-01T12:30:00", "2013-4-1", "2012-06-01", "2013-01-01"])
def test_an_as_of_that_means_nothing_is_refused_with_what_is_allowed(asked):
    with pytest.raises(RequestError) as caught:
        resolve_as_of(FLIGHTS, asked, ANY)
    assert caught.value.found
    assert "2013" in caught.value.allowed


def test_the_form_changes_the_training_section_and_nothing_else():
    changed = with_overrides(FLIGHTS, {"window": "90d", "candidates": ["xgboost"], "trials": 3})
    assert changed.training.model_dump(mode="json")["window"] == "90d"
    assert changed.training.candidates == ("xgboost",)
    assert changed.training.search.trials == 3
    assert changed.training.search.folds == FLIGHTS.training.search.folds
    others = [name for name in type(FLIGHTS).model_fields if name != "training"]
    assert changed.digest(*others) == FLIGHTS.digest(*others)
    assert changed.digest("training") != FLIGHTS.digest("training")
    assert changed.folder == FLIGHTS.folder


def test_an_empty_form_changes_nothing():
    unchanged = with_overrides(FLIGHTS, {"window": None, "candidates": [], "trials": None, "as_of": "2013-04-01"})
    assert unchanged.digest() == FLIGHTS.digest()


@pytest.mark.parametrize(("name", "value"), [("window", "90 days"), ("trials", 5000), ("candidates", ["magic"])])
def test_a_change_the_definition_would_not_allow_is_refused_by_name(name, value):
    with pytest.raises(RequestError, match=name):
        with_overrides(FLIGHTS, {name: value})


@pytest.mark.parametrize("run_id", ["manual__2026-01-01T00:00:00+00:00", "0" * 32, "nightly, the second"])
@pytest.mark.parametrize("by", ["ada", None])
def test_the_run_is_found_again_in_who_acted(run_id, by):
    run = Run(FLIGHTS, Settings(), ANY, force=False, dry_run=False, reason="", run_id=run_id, triggered_by=by)
    assert run_id_of(run.actor) == run_id


def test_a_person_at_a_machine_is_no_run():
    assert run_id_of("ada@desk") is None


def test_a_parameter_that_the_form_does_not_have_is_refused_with_the_nearest_one():
    require_known({"window": "90d"}, {"window": None, "as_of": None})
    with pytest.raises(RequestError) as caught:
        require_known({"windw": "90d"}, {"window": None, "as_of": None})
    assert (caught.value.found, caught.value.allowed) == ("windw", "as_of, window")
    assert caught.value.remedy == "did you mean `window`?"
