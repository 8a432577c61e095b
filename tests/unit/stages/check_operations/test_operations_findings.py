"""The machinery's figures on both sides of their thresholds; what is not known is said."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.definitions.monitoring import Operations
from evergreen.stages.check_operations import operations_findings
from evergreen.statistics.column_profile import profile_numeric
from evergreen.tables.run_facts import RunFacts
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


def found(frame=None, *, runs=None, ages=None, unwatched=24.0, reference=REFERENCE, rules=None, latency_ms=None):
    findings = operations_findings(
        answers() if frame is None else frame,
        runs=[a_run()] if runs is None else runs,
        feature_age_hours={"arrivals": 3.0} if ages is None else ages,
        hours_unwatched=unwatched,
        reference=reference,
        rules=rules or Operations(),
        latency_ms=latency_ms,
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


@pytest.mark.parametrize(("slowest_ms", "severity"), [(501.0, "critical"), (450.0, "warning"), (350.0, "ok")])
def test_how_long_callers_wait_is_judged_where_the_gateway_is_watched(slowest_ms, severity):
    finding = found(latency_ms={MONDAY: slowest_ms, NEXT: 3.0})["latency"]
    assert (finding.severity, finding.value, finding.days) == (
        severity,
        slowest_ms,
        (MONDAY,) if severity == "critical" else (),
    )
    assert "latency" not in found()


def test_a_gateway_that_nobody_asked_has_no_latency():
    assert found(latency_ms={})["latency"].severity == "unknown"
