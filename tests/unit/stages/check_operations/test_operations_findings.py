"""The machinery's figures on both sides of their thresholds; what is not known is said."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.definitions.monitoring import Operations
from evergreen.stages.check_operations import Difference, Parity, operations_findings
from evergreen.stages.check_operations.traffic import parity_finding
from evergreen.statistics.column_profile import profile_numeric
from evergreen.tables.run_facts import RunFacts
from evergreen.tables.served_traffic import DayTraffic
from watched_streams import MONDAY, profile_of, stream

REFERENCE = profile_of(stream(7), answer_share=0.2)
NEXT = MONDAY + timedelta(days=1)


def answers(rows=200, share=0.2, seed=1):
    rng = np.random.default_rng(seed)
    frames = [
        pd.DataFrame({"_day": [day] * rows, "probability": rng.random(rows), "decision": np.arange(rows) < share * rows})
        for day in (MONDAY, NEXT)
    ]
    return pd.concat(frames, ignore_index=True)


def a_run(seconds=60.0, memory=500.0):
    moment = datetime(2013, 4, 2, 7, tzinfo=UTC)
    return RunFacts(stage="score", as_of=moment, day=MONDAY, seconds=seconds, rows=200, peak_memory_mb=memory)


def found(frame=None, *, runs=None, ages=None, unwatched=24.0, reference=REFERENCE, rules=None, traffic=None):
    findings = operations_findings(
        answers() if frame is None else frame,
        runs=[a_run()] if runs is None else runs,
        feature_age_hours={"arrivals": 3.0} if ages is None else ages,
        hours_unwatched=unwatched,
        reference=reference,
        rules=rules or Operations(),
        traffic=traffic,
    )
    return {finding.check: finding for finding in findings}


def test_a_usual_night():
    assert {finding.severity for finding in found().values()} == {"ok"}


@pytest.mark.parametrize(("minutes", "severity"), [(61, "critical"), (50, "warning"), (47, "ok")])
def test_run_time(minutes, severity):
    assert found(runs=[a_run(), a_run(minutes * 60)])["run_time"].severity == severity


@pytest.mark.parametrize(("memory", "severity"), [(4001, "critical"), (3300, "warning"), (3100, "ok")])
def test_memory(memory, severity):
    assert found(runs=[a_run(memory=memory)])["memory"].severity == severity


@pytest.mark.parametrize(("hours", "severity"), [(36.5, "critical"), (30, "warning"), (24, "ok")])
def test_feature_age(hours, severity):
    finding = found(ages={"arrivals": hours, "weather": 1.0})["feature_age"]
    assert (finding.severity, finding.subject) == (severity, "arrivals")


@pytest.mark.parametrize(("hours", "severity"), [(31, "warning"), (30, "ok"), (None, "ok")])
def test_a_night_without_monitoring_is_warned_about(hours, severity):
    assert found(unwatched=hours)["unwatched"].severity == severity


@pytest.mark.parametrize(("missing", "severity"), [(1, "critical"), (0, "ok")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_answers(missing, severity, value):
    frame = answers()
    frame.loc[frame.index[:missing], "probability"] = value
    finding = found(frame)["null_answers"]
    assert finding.severity == severity
    assert finding.days == ((MONDAY,) if missing else ())


@pytest.mark.parametrize(("distinct", "severity"), [(4, "critical"), (5, "ok")])
def test_constant_answers(distinct, severity):
    frame = answers()
    frame["probability"] = np.arange(len(frame)) % distinct / 10
    assert found(frame)["constant_answers"].severity == severity


@pytest.mark.parametrize(("share", "severity"), [(0.52, "critical"), (0.45, "ok"), (0.2, "ok")])
def test_the_share_of_answers(share, severity):
    assert found(answers(share=share))["answer_share"].severity == severity


def test_a_day_whose_rows_resemble_each_other_may_differ_more():
    probability = profile_numeric(np.linspace(0, 1, 70), np.repeat(np.arange("2013-01-07", "2013-01-14", dtype="M8[D]"), 10))
    alike = probability.model_copy(update={"design_effect": 20.0})
    reference = REFERENCE.model_copy(update={"probability": alike})
    assert found(answers(share=0.52), reference=reference)["answer_share"].severity == "ok"
    assert found(answers(rows=20_000, share=0.52), reference=reference)["answer_share"].severity == "critical"


def test_few_answers_are_neither_constant_nor_shifted():
    findings = found(answers(rows=20, share=1.0))
    assert findings["constant_answers"].severity == findings["answer_share"].severity == "unknown"


def test_what_is_not_known_is_said():
    findings = found(answers().iloc[:0], runs=[], ages={}, reference=None)
    unknown = {check for check, finding in findings.items() if finding.severity == "unknown"}
    assert unknown == set(findings) - {"unwatched"}


def days_of(*requests, errors=0, latency_ms=3.0):
    """Days in a row, the first one Monday."""
    return {
        MONDAY + timedelta(days=n): DayTraffic(each, errors, latency_ms if each else None) for n, each in enumerate(requests)
    }


@pytest.mark.parametrize(("slowest_ms", "severity"), [(501.0, "critical"), (450.0, "warning"), (350.0, "ok")])
def test_how_long_callers_wait_is_judged_where_the_gateway_is_watched(slowest_ms, severity):
    finding = found(traffic={**days_of(10, 10), MONDAY: DayTraffic(10, 0, slowest_ms)})["latency"]
    assert (finding.severity, finding.value, finding.days) == (
        severity,
        slowest_ms,
        (MONDAY,) if severity == "critical" else (),
    )
    assert {"latency", "errors", "traffic"}.isdisjoint(found())


def test_a_gateway_that_nobody_asked_has_no_latency_and_no_errors():
    findings = found(traffic=days_of(0, 0))
    assert findings["latency"].severity == "unknown"
    assert findings["errors"].severity == findings["traffic"].severity == "ok"


@pytest.mark.parametrize(("errors", "severity"), [(11, "critical"), (9, "warning"), (8, "ok"), (0, "ok")])
def test_requests_that_should_have_been_answered(errors, severity):
    finding = found(traffic={**days_of(500, 500), NEXT: DayTraffic(1000 - errors, errors, 3.0)})["errors"]
    assert (finding.severity, finding.value) == (severity, errors / 1000)
    assert finding.days == ((NEXT,) if severity == "critical" else ())


def test_a_day_of_errors_alone_is_the_worst():
    assert found(traffic=days_of(0, errors=5))["errors"].value == 1.0


@pytest.mark.parametrize(("newest", "severity"), [(19, "warning"), (20, "ok"), (0, "warning"), (400, "ok")])
def test_callers_that_stay_away_are_warned_about(newest, severity):
    finding = found(traffic=days_of(100, 90, 110, newest))["traffic"]
    assert (finding.severity, finding.value) == (severity, newest / 100)


@pytest.mark.parametrize("requests", [(29, 29, 0), (100,)])
def test_too_few_requests_or_days_to_miss_any(requests):
    assert found(traffic=days_of(*requests))["traffic"].severity == "ok"


def test_one_feature_that_comes_out_otherwise_is_a_fault():
    differs = Parity(answers=2, values=8, different=1, differences=[Difference("r", 0, "row-7", "distance", 1.0, 2.0)])
    finding = parity_finding(MONDAY, differs)
    assert (finding.severity, finding.value, finding.days) == ("critical", 1, (MONDAY,))
    assert "`distance` of row-7" in finding.reason
    assert parity_finding(MONDAY, Parity(answers=2, values=8)).severity == "ok"
    assert parity_finding(MONDAY, None, "the bundle is gone").severity == "unknown"
