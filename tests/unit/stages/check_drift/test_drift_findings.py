"""A movement alarms only where it is both large and no chance; few rows, gaps and ignored features are said, not judged."""

from datetime import timedelta

import numpy as np
import pytest

from evergreen.definitions.monitoring import Drift, Monitoring
from evergreen.reference_profile import ReferenceProfile
from evergreen.stages.check_drift import drift_findings
from evergreen.statistics.column_profile import profile_category, profile_numeric
from watched_streams import MONDAY, stream

RULES = Monitoring()
NORMAL = {
    "amount": lambda r, n, d: r.normal(0, 1, n),
    "kind": lambda r, n, d: r.choice(["a", "b", "c"], n),
    "probability": lambda r, n, d: r.beta(2, 6, n),
}


def reference_of(frame, **changed):
    days = frame["_day"].to_numpy().astype("datetime64[D]")
    features = {}
    for name in frame.columns.drop(["_day", "probability"]):
        text = frame[name].dtype == object
        features[name] = (profile_category if text else profile_numeric)(frame[name].to_numpy(), days)
    values = {
        "rows": len(frame),
        "days": frame["_day"].nunique(),
        "features": features,
        "probability": profile_numeric(frame["probability"].to_numpy(), days),
        "positive_share": 0.25,
        "answer_share": 0.2,
        "rows_by_weekday": (300.0,) * 7,
    }
    return ReferenceProfile(**values | changed)


LEARNED = stream(91, first_day=MONDAY - timedelta(days=91), seed=1, **NORMAL)
REFERENCE = reference_of(LEARNED)


def window(seed=2, rows=300, days=7, **changed):
    return stream(days, rows, seed=seed, **NORMAL | changed)


def found(rows, *, reference=REFERENCE, rules=RULES, labels=None):
    return {(f.check, f.subject): f for f in drift_findings(rows, reference=reference, rules=rules, labels=labels)}


def test_a_usual_week_has_moved_nowhere():
    findings = found(window())
    assert {key: finding.severity for key, finding in findings.items()} == {
        ("feature_drift", "amount"): "ok",
        ("feature_drift", "kind"): "ok",
        ("prediction_drift", "probability"): "ok",
        ("label_drift", "share of yes"): "unknown",
    }


@pytest.mark.parametrize(("shift", "severity"), [(0.16, "critical"), (0.085, "warning"), (0.04, "ok"), (0.0, "ok")])
def test_a_number_on_both_sides_of_its_limits(shift, severity):
    moved = found(window(rows=3000, amount=lambda r, n, d: r.normal(shift, 1, n)))
    assert moved["feature_drift", "amount"].severity == severity
    assert moved["feature_drift", "kind"].severity == "ok"


@pytest.mark.parametrize(("extra", "severity"), [(0.3, "critical"), (0.12, "warning"), (0.02, "ok")])
def test_a_category_on_both_sides_of_its_limits(extra, severity):
    shares = [1 / 3 + extra * 2 / 3, 1 / 3 - extra / 3, 1 / 3 - extra / 3]
    moved = found(window(rows=3000, kind=lambda r, n, d: r.choice(["a", "b", "c"], n, p=shares)))
    assert moved["feature_drift", "kind"].severity == severity


def test_a_large_movement_that_may_be_chance_is_no_alarm():
    """Days with a level of their own: a week lies elsewhere than a quarter of a year every time."""
    swinging = NORMAL | {"amount": lambda r, n, d: r.normal(r.normal(0, 1), 0.3, n)}
    reference = reference_of(stream(91, 200, seed=3, **swinging))
    severities = []
    for seed in range(20):
        finding = found(stream(7, 200, seed=100 + seed, **swinging), reference=reference)["feature_drift", "amount"]
        assert finding.value > RULES.drift.numeric_effect
        severities.append(finding.severity)
    assert severities.count("critical") <= 2


def test_the_mix_of_weekdays_is_no_drift():
    by_weekday = NORMAL | {"amount": lambda r, n, d: r.normal(d % 7 >= 5, 0.2, n)}
    reference = reference_of(stream(91, seed=4, **by_weekday))
    weekend = stream(7, 400, seed=5, **by_weekday)
    weekend = weekend[[day.weekday() >= 5 for day in weekend["_day"]]]
    release = Monitoring(drift=Drift(reference="release"))
    assert found(weekend, reference=reference)["feature_drift", "amount"].value < 0.1
    assert found(weekend, reference=reference, rules=release)["feature_drift", "amount"].value > 1


@pytest.mark.parametrize(("rows", "severity"), [(71, "unknown"), (72, "ok")])
def test_few_rows_say_nothing(rows, severity):
    assert found(window(rows=rows))["feature_drift", "amount"].severity == severity


def test_gaps_are_left_to_the_check_of_quality():
    rows = window().drop(columns="kind").assign(amount=np.nan)
    findings = found(rows)
    assert findings["feature_drift", "kind"].severity == findings["feature_drift", "amount"].severity == "unknown"
    assert found(window().assign(amount="text"))["feature_drift", "amount"].severity == "unknown"
    assert {f.severity for f in found(window().iloc[:0]).values()} == {"unknown"}


def test_an_ignored_feature_is_not_looked_at():
    rules = Monitoring(drift=Drift(ignore=("amount",)))
    assert ("feature_drift", "amount") not in found(window(), rules=rules)


@pytest.mark.parametrize(("shift", "severity"), [(0.03, "critical"), (0.0, "ok")])
def test_the_probabilities(shift, severity):
    moved = found(window(rows=1000, probability=lambda r, n, d: r.beta(2, 6, n) + shift))
    assert moved["prediction_drift", "probability"].severity == severity


def test_without_reference_probabilities_nothing_is_said_of_them():
    bare = reference_of(LEARNED, probability=None, answer_share=None)
    finding = found(window().assign(decision=True), reference=bare)
    assert finding["prediction_drift", "probability"].severity == "unknown"
    assert ("answer_share", "share of yes") not in finding


@pytest.mark.parametrize(("share", "severity"), [(0.42, "critical"), (0.288, "warning"), (0.255, "ok")])
def test_the_share_of_labels(share, severity):
    rows = window(rows=2000)
    labels = rows[["_day"]].assign(label=(np.arange(len(rows)) % 1000 < share * 1000) * 1.0)
    assert found(window(), labels=labels)["label_drift", "share of yes"].severity == severity


def test_labels_of_few_days_or_rows_say_nothing():
    rows = window(days=4)
    assert found(rows, labels=rows[["_day"]].assign(label=1.0))["label_drift", "share of yes"].severity == "unknown"
    assert found(rows, labels=window(rows=50)[["_day"]].assign(label=1.0))["label_drift", "share of yes"].severity == "unknown"


def test_days_of_one_kind_are_few_witnesses():
    """Whole days of yes and of no: a change of a fifth is chance among seven days, whatever the number of rows."""
    rows = window(rows=2000)
    labels = rows[["_day"]].assign(label=[float(day.day % 2) for day in rows["_day"]])
    finding = found(rows, labels=labels)["label_drift", "share of yes"]
    assert finding.value > RULES.drift.label_effect
    assert finding.severity == "ok"


@pytest.mark.parametrize(("share", "severity"), [(0.5, "warning"), (0.25, "ok")])
def test_the_share_of_answers_warns_and_leaves_the_alarm_to_operations(share, severity):
    rows = window()
    rows["decision"] = np.arange(len(rows)) % 100 < share * 100
    finding = found(rows)["answer_share", "share of yes"]
    assert finding.severity == severity
    assert "share of yes among answers" in finding.reason


def test_thirty_equal_features_alarm_in_few_of_many_weeks():
    features = {f"x{n}": (lambda r, n, d: r.normal(0, 1, n)) for n in range(30)} | {"probability": NORMAL["probability"]}
    reference = reference_of(stream(91, 100, seed=6, **features))
    noisy = 0
    for seed in range(20):
        findings = found(stream(7, 100, seed=200 + seed, **features), reference=reference)
        noisy += any(finding.severity in ("critical", "warning") for finding in findings.values())
    assert noisy <= 3
