"""Both sides of every threshold, every way of not knowing, and what holds over any row of nights."""

import math
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.definitions.retraining import Probe, Retraining
from evergreen.digests import digest_bytes
from evergreen.observation import Action, Cause, PastNight, ProbeMeasurement, Severity
from evergreen.registry.nights import decision_id
from evergreen.stages.retrain import decide_night
from released_models import a_definition
from watched_nights import AS_OF, LONG_AGO, MONITORING, NIGHT, RETRAINING, diagnosis, measurement, past_night


def decide(found=None, probe=..., *past, new_rows=5000, released_at=LONG_AGO, retraining=RETRAINING, revision=1, **rules):
    return decide_night(
        found or diagnosis(),
        measurement() if probe is ... else probe,
        past,
        new_rows=new_rows,
        released_at=released_at,
        monitoring=MONITORING,
        retraining=retraining.model_copy(update=rules),
        revision=revision,
    )


def test_it_retrains_when_every_rule_holds_and_says_why_first():
    decided = decide()
    assert (decided.action, decided.starts_training, decided.probed) == (Action.RETRAIN, True, True)
    assert decided.reasons[0] == (
        "A refit would have beaten the champion: ROC AUC better by 0.0200 on 9,000 rows of 14 days, 0.7100 against 0.6900 "
        "(95 % lower bound 0.0100); at least 0.0050 is asked for."
    )
    assert decided.reasons[-1] == "A training is started."


@pytest.mark.parametrize("cause", [Cause.NOTHING, Cause.COVARIATE_SHIFT])
@pytest.mark.parametrize(("lower", "expected"), [(0.005, Action.RETRAIN), (0.00499, Action.LOG)])
def test_where_nothing_was_seen_to_be_wrong_the_bound_must_reach_the_minimum_effect(cause, lower, expected):
    decided = decide(diagnosis(cause=cause), measurement(improvement=0.02, lower=lower))
    assert decided.action is expected
    assert "is asked of the bound, as nothing was seen to be wrong." in decided.reasons[0]


@pytest.mark.parametrize(
    ("improvement", "lower", "expected"),
    [
        (0.005, 0.001, Action.RETRAIN),
        (0.00499, 0.001, Action.LOG),
        (0.02, 0.0, Action.LOG),
        (0.02, 1e-9, Action.RETRAIN),
        (0.02, -0.001, Action.LOG),
        (-0.02, -0.03, Action.LOG),
        (0.0, 0.0, Action.LOG),
    ],
)
def test_the_probe(improvement, lower, expected):
    decided = decide(None, measurement(improvement=improvement, lower=lower))
    assert decided.action is expected
    assert decided.probed
    if expected is Action.LOG:
        assert "not shown to be worth a training" in decided.reasons[0]
        assert "not asked again for 7d" in decided.reasons[-1]


@pytest.mark.parametrize(
    ("field", "least"), [("probe_rows", 500), ("probe_days", 5), ("probe_positives", 30), ("probe_negatives", 30)]
)
def test_too_little_to_judge_on_is_no_answer(field, least):
    for size, expected in ((least, Action.RETRAIN), (least - 1, Action.WAIT)):
        sizes = {"probe_positives": 9_000 - size} if field == "probe_negatives" else {field: size}
        if field == "probe_rows":
            sizes["probe_positives"] = 200
        decided = decide(None, measurement(**sizes))
        assert decided.action is expected
        assert decided.probed is (expected is Action.RETRAIN)


@pytest.mark.parametrize(
    "probe",
    [
        None,
        measurement(improvement=None),
        measurement(lower=None),
        measurement(model="other"),
        measurement(as_of=AS_OF - NIGHT),
        measurement(release_version="2"),
        measurement(bundle_digest="0" * 32),
        measurement(confidence=0.9),
    ],
)
def test_a_probe_that_answers_nothing_or_about_something_else_starts_nothing(probe):
    decided = decide(None, probe)
    assert (decided.action, decided.starts_training, decided.probed) == (Action.WAIT, False, False)


def test_a_probe_that_triage_did_not_want_counts_for_nothing():
    assert decide(diagnosis(wants_probe=False)).action is Action.WAIT


@pytest.mark.parametrize(("new_rows", "expected"), [(2000, True), (1999, False), (None, False), (math.nan, False)])
def test_new_rows(new_rows, expected):
    assert (decide(new_rows=new_rows).action is Action.RETRAIN) is expected


@pytest.mark.parametrize(
    ("since", "expected"), [(timedelta(days=7), True), (timedelta(days=7, seconds=-1), False), (-timedelta(days=1), False)]
)
def test_cooldown(since, expected):
    assert (decide(released_at=AS_OF - since).action is Action.RETRAIN) is expected
    before = past_night(0, action=Action.RETRAIN).model_copy(update={"as_of": AS_OF - since})
    decided = decide(None, ..., before)
    assert (decided.action is Action.RETRAIN) is expected
    assert expected or "The cooldown of 7d is not over" in decided.reasons[1]


def test_a_release_of_unknown_age_starts_nothing():
    assert decide(released_at=None).action is Action.WAIT


@pytest.mark.parametrize(("budget", "expected"), [(0, False), (2, False), (3, True)])
def test_budget(budget, expected):
    past = [past_night(ago, action=Action.RETRAIN) for ago in (10, 29, 30, 40)]
    decided = decide(None, ..., *past, budget_per_month=budget)
    assert (decided.action is Action.RETRAIN) is expected
    assert expected or "The budget is spent" in decided.reasons[1]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.WORSE_RELEASE])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_action_for_each_cause(cause, wanted):
    decided = decide(diagnosis(cause=cause, severity=Severity.WARNING, wants_probe=wanted))
    trains = wanted and cause in (Cause.NOTHING, Cause.COVARIATE_SHIFT, Cause.CONCEPT_DRIFT)
    otherwise = {
        Cause.UPSTREAM_FAULT: Action.QUARANTINE,
        Cause.CONCEPT_DRIFT: Action.WAIT,
        Cause.LABELS_IMMATURE: Action.WAIT,
    }
    assert decided.action is (Action.RETRAIN if trains else otherwise.get(cause, Action.LOG))
    assert decided.reasons[-1]


def test_what_could_not_be_told_is_waited_for():
    decided = decide(diagnosis(severity=Severity.UNKNOWN, cause=Cause.NOTHING))
    assert decided.action is Action.WAIT
    assert not decided.starts_training


def test_switched_off_it_decides_as_if_and_starts_nothing():
    decided = decide(enabled=False)
    assert (decided.action, decided.starts_training) == (Action.RETRAIN, False)
    assert "`retraining.enabled` is false" in decided.reasons[-1]


def test_a_quiet_night_is_a_decision_with_a_reason():
    quiet = diagnosis(cause=Cause.NOTHING, severity=Severity.OK, reasons=("Nothing stands out.",), alarms=(), wants_probe=False)
    decided = decide(quiet, None)
    assert decided.reasons == ("Nothing stands out.", "Nothing to do.")
    assert (decided.action, decided.probed, decided.probe_digest) == (Action.LOG, False, None)


def test_it_names_what_it_rests_on():
    found, probe = diagnosis(), measurement()
    decided = decide(found, probe)
    assert decided.diagnosis_digest == digest_bytes(found.to_bytes())
    assert decided.probe_digest == digest_bytes(probe.to_bytes())
    definition = a_definition()
    own = decide(found, probe, retraining=definition.retraining)
    assert own.policy_digest == definition.digest("monitoring", "retraining")
    assert decision_id(decide(found, probe)) == decision_id(decided)
    assert decision_id(decide(revision=4)) == decision_id(decided)
    assert decision_id(decide(None, ..., past_night(20))) != decision_id(decided)


UNKNOWNS = [None, math.nan]
MISSING = [
    *({"probe": measurement(**{field: value})} for field in ("improvement", "lower") for value in UNKNOWNS),
    {"probe": None},
    *({"probe": measurement(**{field: math.nan})} for field in ("probe_rows", "probe_days", "probe_positives")),
    *({"new_rows": value} for value in UNKNOWNS),
    {"released_at": None},
    {"found": {"severity": Severity.UNKNOWN}},
    {"found": {"release_version": None}},
    {"found": {"bundle_digest": None}},
]


class _Unwritable(ProbeMeasurement):
    """A measurement that may hold what no canonical text can."""

    def to_bytes(self):
        return b"not a number"


@st.composite
def a_policy(draw):
    return Retraining(
        cooldown=timedelta(days=draw(st.integers(0, 12))),
        min_new_rows=draw(st.sampled_from([0, 2000])),
        budget_per_month=draw(st.integers(0, 6)),
        probe=RETRAINING.probe.model_copy(update={"minimum_effect": draw(st.sampled_from([0.0, 0.005]))}),
    )


@given(
    missing=st.sampled_from(MISSING),
    cause=st.sampled_from(list(Cause)),
    severity=st.sampled_from(list(Severity)),
    new_rows=st.integers(0, 10**6),
    improvement=st.floats(-1, 1),
    lower=st.floats(-1, 1),
    retraining=a_policy(),
)
@settings(max_examples=300, deadline=None)
def test_no_night_with_a_piece_of_evidence_missing_ever_retrains(
    missing, cause, severity, new_rows, improvement, lower, retraining
):
    found = {"cause": cause, "severity": severity} | missing.get("found", {})
    probe = missing.get("probe", measurement(improvement=improvement, lower=lower))
    if probe is not None:
        probe = _Unwritable.model_construct(**dict(probe))
    decided = decide(
        diagnosis(**found),
        probe,
        new_rows=missing.get("new_rows", new_rows),
        released_at=missing.get("released_at", LONG_AGO),
        retraining=retraining,
    )
    assert decided.action is not Action.RETRAIN
    assert not decided.starts_training
    assert all(decided.reasons)


@st.composite
def some_nights(draw):
    """Nights of a few months, most of them asking for a training."""
    night = st.tuples(st.integers(1, 3), st.booleans(), st.sampled_from([0.02, 0.02, 0.001]), st.integers(0, 3))
    return draw(st.lists(night, min_size=1, max_size=60))


def replay(nights, retraining):
    """Decide night after night, each with the past that the ones before have made."""
    decided, past, moment, released_at = [], [], AS_OF, LONG_AGO
    for gap, wants, improvement, release in nights:
        moment += gap * NIGHT
        if release == 3 and past and past[0].action is Action.RETRAIN:
            released_at = past[0].as_of
        one = decide(
            diagnosis(as_of=moment, wants_probe=wants),
            measurement(as_of=moment, improvement=improvement) if wants else None,
            *past,
            released_at=released_at,
            retraining=retraining,
        )
        decided.append(one)
        past.insert(
            0,
            PastNight(
                as_of=moment,
                release_version=one.release_version,
                cause=one.cause,
                action=one.action,
                alarms=one.alarms,
                probed=one.probed,
                decision_id=decision_id(one),
            ),
        )
    return decided


@given(some_nights(), a_policy())
@settings(max_examples=150, deadline=None)
def test_whatever_the_nights_cooldown_and_budget_hold_and_a_replay_gives_the_same_ids(nights, retraining):
    decided = replay(nights, retraining)
    trained = [one.as_of for one in decided if one.action is Action.RETRAIN]
    assert all(later - earlier >= retraining.cooldown for earlier, later in pairwise(trained))
    for begin in trained:
        within = [moment for moment in trained if begin <= moment < begin + timedelta(days=30)]
        assert len(within) <= retraining.budget_per_month
    ids = [decision_id(one) for one in decided]
    assert len(set(ids)) == len(ids)
    assert [decision_id(one) for one in replay(nights, retraining)] == ids


def test_the_nights_above_do_retrain_at_times():
    decided = replay([(1, True, 0.02, 0)] * 60, RETRAINING)
    trained = [one.as_of for one in decided if one.action is Action.RETRAIN]
    assert [(later - earlier).days for earlier, later in pairwise(trained)] == [7, 7, 7, 9, 7, 7, 7]


@pytest.mark.parametrize(
    ("cause", "confidence"), [(Cause.NOTHING, 0.99), (Cause.COVARIATE_SHIFT, 0.99), (Cause.CONCEPT_DRIFT, 0.9)]
)
def test_a_probe_that_no_alarm_asked_for_must_be_surer(cause, confidence):
    rules = RETRAINING.model_copy(update={"probe": Probe(confidence=0.9, unasked_confidence=0.99)})
    other = {0.9: 0.99, 0.99: 0.9}[confidence]
    sure = decide(diagnosis(cause=cause), measurement(confidence=confidence, lower=0.02), retraining=rules)
    assert sure.action is Action.RETRAIN
    assert (
        decide(diagnosis(cause=cause), measurement(confidence=other, lower=0.02), retraining=rules).action is not Action.RETRAIN
    )
