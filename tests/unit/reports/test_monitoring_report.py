"""The night's page: verdict first, findings by severity, charts where there is something to draw, nothing from elsewhere."""

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from evergreen.observation import (
    Action,
    Cause,
    CheckKind,
    Diagnosis,
    Finding,
    NightDecision,
    Observation,
    ProbeMeasurement,
    Severity,
)
from evergreen.reports.monitoring_charts import effect_chart, probability_chart
from evergreen.reports.monitoring_report import render_monitoring_page
from watched_nights import beside

NIGHT = datetime(2013, 6, 3, 7, tzinfo=UTC)


def finding(check, subject, severity, value=0.1, limit=0.1, **more):
    return Finding(
        check=check, subject=subject, severity=severity, value=value, limit=limit, reason=f"{subject}: {value}", **more
    )


def observation(kind, *findings, as_of=NIGHT):
    days = {"first_day": date(2013, 5, 27), "last_day": date(2013, 6, 2)}
    identity = {"release_version": "3", "bundle_digest": "b" * 32}
    return Observation(model="flights", as_of=as_of, kind=kind, rows=6900, findings=findings, **days, **identity)


def performance(as_of, auc, severity=Severity.OK):
    seen = finding("metric", "roc_auc", severity, auc, 0.66, lower=auc - 0.02, upper=auc + 0.02)
    return observation(CheckKind.PERFORMANCE, seen, as_of=as_of)


def a_night():
    names = ["temp", "wind_speed", "carrier", "humid", "hour", "<script>"]
    moved = [finding("feature_drift", name, Severity.OK, 0.03 * n) for n, name in enumerate(names)]
    moved.append(finding("feature_drift", "dewp", Severity.CRITICAL, 0.42))
    fault = finding("scale", "temp", Severity.CRITICAL, 60.0, 3.0, days=(date(2013, 6, 2),))
    unknown = finding("run_time", "scoring", Severity.UNKNOWN, None, 60.0)
    return {
        CheckKind.QUALITY: observation(CheckKind.QUALITY, finding("null_share", "hour", Severity.OK), fault),
        CheckKind.DRIFT: observation(CheckKind.DRIFT, *moved),
        CheckKind.PERFORMANCE: performance(NIGHT, 0.67, Severity.WARNING),
        CheckKind.OPERATIONS: observation(CheckKind.OPERATIONS, unknown),
    }


DIAGNOSIS = Diagnosis(
    model="flights",
    as_of=NIGHT,
    release_version="3",
    bundle_digest="b" * 32,
    cause=Cause.CONCEPT_DRIFT,
    severity=Severity.CRITICAL,
    reasons=("roc_auc is below its limit for the third night", "dewp has moved"),
    alarms=("metric:roc_auc",),
    wants_probe=True,
    observations={CheckKind.DRIFT: "d" * 32},
)
PROBE = ProbeMeasurement(
    model="flights",
    as_of=NIGHT,
    release_version="3",
    bundle_digest="b" * 32,
    metric="roc_auc",
    champion=0.671,
    refit=0.702,
    improvement=0.031,
    lower=0.012,
    upper=0.05,
    confidence=0.95,
    training_rows=80_000,
    probe_rows=6_500,
    probe_days=7,
    probe_positives=1_500,
    probe_first_day=date(2013, 5, 20),
    probe_last_day=date(2013, 5, 26),
    rows_digest="r" * 32,
)
DECISION = NightDecision(
    model="flights",
    as_of=NIGHT,
    release_version="3",
    bundle_digest="b" * 32,
    cause=Cause.CONCEPT_DRIFT,
    action=Action.RETRAIN,
    severity=Severity.CRITICAL,
    reasons=("a quick refit would have been better by 0.031",),
    alarms=("metric:roc_auc",),
    probed=True,
    starts_training=True,
    new_rows=12_345,
    diagnosis_digest="e" * 32,
    probe_digest="f" * 32,
    policy_digest="1" * 32,
    past_digest="2" * 32,
)
HISTORY = [performance(NIGHT - timedelta(days=n), 0.72 - 0.003 * (10 - n)) for n in range(1, 11)]


def render(observations=None, **more):
    return render_monitoring_page(a_night() if observations is None else observations, model="flights", as_of=NIGHT, **more)


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(1)
    drawn = probability_chart(rng.beta(2, 6, 500), np.linspace(0, 1, 50), np.arange(50)[::-1])
    shown = {
        "probabilities": drawn,
        "evidently_href": "n.evidently.html",
        "answers_href": "a.evidently.html",
        "not_drawn": {"wind_gust": "constant"},
    }
    return render(diagnosis=DIAGNOSIS, probe=PROBE, decision=DECISION, history=HISTORY, **shown)


def test_the_verdict_comes_first_with_cause_reasons_and_probe(page):
    text = re.sub(r"\s+", " ", page)
    assert text.index("Retrain") < text.index("Quality of the data")
    for words in (
        "The same rows come true otherwise",
        DECISION.reasons[0],
        "0.031",
        "12 345",
        "n.evidently.html",
        "a.evidently.html",
        "e" * 32,
    ):
        assert words in text
    assert "<code>wind_gust</code> (constant)" in text
    assert page.count("<svg") == 3


def test_the_worst_finding_of_a_check_stands_first_and_good_ones_are_folded(page):
    quality = page[page.index('id="quality"') : page.index('id="drift"')]
    assert quality.index("<code>temp</code>") < quality.index("<details>") < quality.index("<code>hour</code>")
    assert "2013-06-02" in quality


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(page):
    assert not re.search(r"<script|<link|@import|url\((?!#)", page)
    assert "&lt;script&gt;" in page
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_night_gives_the_same_page():
    assert render(diagnosis=DIAGNOSIS, decision=DECISION) == render(diagnosis=DIAGNOSIS, decision=DECISION)


@pytest.mark.parametrize(
    ("more", "words"), [({}, "Looked at, not diagnosed"), ({"diagnosis": DIAGNOSIS}, "Diagnosed, not decided")]
)
def test_what_has_not_happened_yet_is_said(more, words):
    text = render(**more)
    assert words in text
    assert "Would a refit" not in text


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("cause", list(Cause))
def test_every_action_and_cause_has_its_words(action, cause):
    assert "flights" in render({}, decision=DECISION.model_copy(update={"action": action, "cause": cause}))


def test_two_checks_of_one_name_are_told_apart_in_the_chart():
    places = [("feature_drift", "temp"), ("answer_share", "share of yes"), ("label_drift", "share of yes")]
    found = [Finding(check=c, subject=s, severity="ok", value=0.1, limit=0.2, reason="so") for c, s in places]
    drawn = effect_chart(found)
    assert 'aria-label="drift effects of temp, share of yes, answer share, share of yes, label drift"' in drawn


def test_an_empty_night_draws_nothing_and_does_not_fail():
    empty = {kind: observation(kind).model_copy(update={"first_day": None, "last_day": None, "rows": 0}) for kind in CheckKind}
    page = render(empty)
    assert "<svg" not in page
    assert "There is no champion yet" not in page
    assert "There is no champion yet" in render({})
    assert probability_chart([np.nan], [0.1], [1]) is None


def test_a_look_at_a_new_champion_is_shown_with_both_releases(page):
    shown = re.sub(r"\s+", " ", render(probation=beside(replaced_version="2"), decision=TAKEN_BACK))
    assert "Roll back" in shown
    assert "The champion is worse than the release before it" in shown
    assert "of version 2, which it replaced" in shown
    assert "Look 1 of 3, at 2013-05-11 to 2013-05-24" in shown
    assert "a" * 32 in shown
    assert "Is it better than the release before?" not in page


def test_why_the_release_before_could_not_be_asked_is_shown_and_set_as_text():
    shown = render(probation=beside(not_measured_because="the column <gate> is gone."))
    assert "could not be asked: the column &lt;gate&gt; is gone." in shown


TAKEN_BACK = DECISION.model_copy(
    update={
        "action": Action.ROLLBACK,
        "cause": Cause.WORSE_RELEASE,
        "starts_training": False,
        "rolls_back_to": "2",
        "probation_digest": "a" * 32,
    }
)
