"""Nights as monitoring sees them: observations, past nights and diagnoses, quiet unless a test says otherwise."""

from datetime import UTC, date, datetime, timedelta

from evergreen.definitions.monitoring import Monitoring
from evergreen.definitions.release import Probation
from evergreen.definitions.retraining import Probe, Retraining
from evergreen.observation import (
    Action,
    Cause,
    CheckKind,
    Diagnosis,
    Finding,
    NightDecision,
    Observation,
    PastNight,
    ProbationMeasurement,
    ProbeMeasurement,
    Severity,
)

AS_OF = datetime(2013, 6, 1, 7, tzinfo=UTC)
NIGHT = timedelta(days=1)
MONITORING = Monitoring()
RETRAINING = Retraining(probe=Probe(confidence=0.95, unasked_confidence=0.95))
LONG_AGO = AS_OF - timedelta(days=10)
"""Released longer ago than the cooldown, more recently than a probe without an alarm is due."""

CHECKS = {
    CheckKind.QUALITY: ("null_share", "temp"),
    CheckKind.DRIFT: ("feature_drift", "temp"),
    CheckKind.PERFORMANCE: ("metric", "roc_auc"),
    CheckKind.OPERATIONS: ("run_time", "scoring"),
}


def finding(check, subject, severity=Severity.OK, *, days=(), reason=None):
    words = reason or f"{subject} is {severity} by {check}"
    return Finding(check=check, subject=subject, severity=severity, value=0.5, limit=0.4, days=days, reason=words)


def observation(kind, *findings, as_of=AS_OF, version="3"):
    return Observation(
        model="flights",
        as_of=as_of,
        kind=kind,
        release_version=version,
        bundle_digest=version and "b" * 32,
        first_day=date(2013, 5, 25),
        last_day=date(2013, 5, 31),
        rows=1000,
        findings=findings,
    )


def observations(*, as_of=AS_OF, version="3", **severities):
    """One observation per kind; `drift=Severity.CRITICAL` makes its finding so, `drift=None` leaves the kind out."""
    found = {}
    for kind, (check, subject) in CHECKS.items():
        severity = severities.get(kind.value, Severity.OK)
        if severity is not None:
            found[kind] = observation(kind, finding(check, subject, severity), as_of=as_of, version=version)
    return found


def past_night(nights_ago, *alarms, version="3", action=Action.LOG, cause=Cause.NOTHING, probed=False):
    return PastNight(
        as_of=AS_OF - nights_ago * NIGHT,
        release_version=version,
        cause=cause,
        action=action,
        alarms=alarms,
        probed=probed,
        decision_id=f"{nights_ago:032d}",
    )


def diagnosis(**changes):
    values = {
        "model": "flights",
        "as_of": AS_OF,
        "release_version": "3",
        "bundle_digest": "b" * 32,
        "cause": Cause.CONCEPT_DRIFT,
        "severity": Severity.CRITICAL,
        "reasons": ("The answers have become worse.",),
        "alarms": ("metric:roc_auc",),
        "wants_probe": True,
        "observations": {},
    }
    return Diagnosis.model_validate(values | changes)


def measurement(**changes):
    values = {
        "model": "flights",
        "as_of": AS_OF,
        "release_version": "3",
        "bundle_digest": "b" * 32,
        "metric": "roc_auc",
        "champion": 0.69,
        "refit": 0.71,
        "improvement": 0.02,
        "lower": 0.01,
        "upper": 0.03,
        "confidence": 0.95,
        "training_rows": 50_000,
        "probe_rows": 9_000,
        "probe_days": 14,
        "probe_positives": 1_800,
        "probe_first_day": date(2013, 5, 11),
        "probe_last_day": date(2013, 5, 24),
        "rows_digest": "r" * 32,
    }
    return ProbeMeasurement.model_construct(**values | changes)


def beside(**changes):
    """A look at a new champion that has answered much worse than the release before would have."""
    values = {
        "model": "flights",
        "as_of": AS_OF,
        "release_version": "3",
        "bundle_digest": "b" * 32,
        "replaced_version": "2",
        "replaced_digest": "a" * 32,
        "metric": "roc_auc",
        "champion": 0.69,
        "replaced": 0.71,
        "improvement": -0.02,
        "lower": -0.03,
        "upper": -0.01,
        "confidence": Probation().confidence_of_a_look,
        "look": 1,
        "looks": 3,
        "first_day": date(2013, 5, 11),
        "last_day": date(2013, 5, 24),
        "rows": 9_000,
        "days": 14,
        "positives": 1_800,
        "rows_digest": "r" * 32,
    }
    return ProbationMeasurement.model_construct(**values | changes)


def night_decision(**changes):
    """A night that found an upstream fault and set its days aside."""
    values = {
        "model": "flights",
        "as_of": AS_OF,
        "release_version": "1",
        "bundle_digest": None,
        "cause": Cause.UPSTREAM_FAULT,
        "action": Action.QUARANTINE,
        "severity": Severity.CRITICAL,
        "reasons": ("a fault",),
        "alarms": (),
        "faulty_days": (date(2013, 5, 31),),
        "probed": False,
        "new_rows": 0,
        "starts_training": False,
        "diagnosis_digest": "d",
        "probe_digest": None,
        "policy_digest": "p",
        "past_digest": "q",
    }
    return NightDecision(**(values | changes))
