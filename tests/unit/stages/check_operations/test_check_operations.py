"""The whole stage on stored nights."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from evergreen.files import Files
from evergreen.stages.check_operations import check_operations
from evergreen.tables.addresses import raw_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.observations import read_observation
from evergreen.tables.run_facts import RunFacts, keep_run_facts
from evergreen.tables.served_traffic import traffic_by_day
from watched_model import MONITORING, WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 23)
TONIGHT = date(2013, 4, 24)


@pytest.fixture
def model(tmp_path):
    model = WatchedModel(tmp_path, days=54)
    model.say(A, B)
    return model


def findings(model, day=TONIGHT):
    night = check_operations(model.definition, model.collect(day), model.settings)
    return {finding.check: finding for finding in read_observation(night, Files()).findings}


def cost(model, day, seconds, *, as_of=None):
    facts = RunFacts(
        stage="score",
        as_of=as_of or model.night(day + timedelta(days=1)),
        day=day,
        seconds=seconds,
        rows=20,
        peak_memory_mb=300.0,
    )
    keep_run_facts(facts, model.settings, model.definition.name, Files())


def test_what_runs_cost_is_read_by_as_of(model):
    assert findings(model)["run_time"].severity == "unknown"
    cost(model, B, 90.0)
    cost(model, date(2013, 4, 2), 9000.0)  # before the window
    cost(model, B, 8000.0, as_of=model.night(date(2013, 4, 25)))  # after the night
    assert findings(model)["run_time"].value == pytest.approx(1.5)
    assert findings(model)["memory"].value == 300


def test_the_age_of_the_raw_data(model):
    table = next(iter(model.definition.data.tables))
    days = {date(2013, 4, n): pa.table({"x": [1]}) for n in (20, 21, 30)}
    DayTable(raw_uri(model.settings, model.definition.name, table), Files()).write_days(days)
    finding = findings(model)["feature_age"]
    assert (finding.subject, finding.severity) == (table, "critical")
    assert finding.value == pytest.approx(55)  # from 22 April, 00:00, to 24 April, 07:00; the day to come does not count


def test_the_first_night_has_none_before_it(model):
    assert findings(model)["unwatched"].value is None


def test_without_a_champion_there_is_nothing_to_look_at(model):
    collected = model.collect(TONIGHT).model_copy(update={"champion": None})
    night = check_operations(model.definition, collected, model.settings)
    assert (night.severity, night.findings) == ("unknown", {})


def test_the_slowest_answers_of_the_gateway_are_those_of_this_release(tmp_path):
    model = WatchedModel(tmp_path, days=40, monitoring={**MONITORING, "answers": "gateway"})
    model.serve(A, A + timedelta(days=2), latency_us=2_000)
    model.serve(A + timedelta(days=3), A + timedelta(days=3), latency_us=620_000)
    other = model.champion.model_copy(update={"version": "0", "bundle_digest": "0" * 32})
    model.serve(A + timedelta(days=4), A + timedelta(days=4), champion=other, latency_us=9_000_000)
    finding = findings(model, A + timedelta(days=5))["latency"]
    assert (finding.severity, finding.value, finding.days) == ("critical", 620.0, (A + timedelta(days=3),))


def test_what_the_gateway_left_unanswered_is_counted_by_day_and_by_whose_fault_it_was(tmp_path):
    model = WatchedModel(tmp_path, days=40, monitoring={**MONITORING, "answers": "gateway"})
    model.serve(A, A + timedelta(days=2))
    day = A + timedelta(days=1)
    asked = len(model.frame[model.frame["_day"] == day])
    for kind, requests in (("unavailable", 3), ("features", 2), ("fields", 50)):
        model.refuse(day, kind, requests)
    errors = findings(model, A + timedelta(days=3))["errors"]
    assert (errors.severity, errors.rows, errors.days) == ("critical", asked + 5, (day,))
    assert errors.value == pytest.approx(5 / (asked + 5))


def test_challengers_that_failed_are_no_traffic(tmp_path):
    model = WatchedModel(tmp_path, days=40, monitoring={**MONITORING, "answers": "gateway"})
    model.serve(A, A, role="failed")
    model.serve(A + timedelta(days=1), A + timedelta(days=1))
    found = traffic_by_day(model.collect(A + timedelta(days=2)), Files(), [A, A + timedelta(days=1)])
    assert found[A].requests == 0
    assert found[A + timedelta(days=1)].requests == len(model.frame[model.frame["_day"] == A])


def test_what_a_shadow_says_of_a_row_is_not_taken_for_what_the_caller_was_told(tmp_path):
    model = WatchedModel(tmp_path, days=40, monitoring={**MONITORING, "answers": "gateway"})
    model.serve(A, A + timedelta(days=1))
    before = findings(model, A + timedelta(days=2))["answer_share"]
    model.serve(A, A + timedelta(days=1), role="shadow", sender="another", change=lambda said: 1 - said)
    assert findings(model, A + timedelta(days=2))["answer_share"] == before
