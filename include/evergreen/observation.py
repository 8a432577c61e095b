"""What monitoring saw, what it made of it and what it decided: plain values with one canonical text each.

A check measures and writes an `Observation`; triage makes a `Diagnosis` of a night's observations and of the nights before;
`decide` makes a `NightDecision` of the diagnosis, the probe and the past. The last two are pure functions of stored values, so
that every decision can be made again.
"""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, FiniteFloat

from evergreen.definitions.gate import MetricName
from evergreen.definitions.monitoring import Monitoring
from evergreen.definitions.release import Probation
from evergreen.definitions.retraining import Retraining
from evergreen.results import Result, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.results import Collected

Measured = FiniteFloat | None
"""A finite number, or None for what could not be measured."""


class CheckKind(StrEnum):
    """The four sides from which a night is looked at."""

    QUALITY = "quality"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    OPERATIONS = "operations"


class Severity(StrEnum):
    """How far a finding has gone."""

    OK = "ok"
    WARNING = "warning"
    """On its way to a limit, or past it without being sure."""
    CRITICAL = "critical"
    """Past a limit, beyond chance."""
    UNKNOWN = "unknown"
    """Could not be told: too few rows, too few labels."""


SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.UNKNOWN, Severity.OK)
"""Worst first."""


class Finding(Result):
    """One thing one check looked at."""

    check: str
    """Such as `null_share`, `new_category`, `scale`, `missing_day`, `column`, `feature_drift`, `prediction_drift`,
    `label_drift`, `metric`, `slice`, `estimate`, `maturity`, `run_time`."""
    subject: str
    """The feature, metric, slice (`column=value`) or day it is about."""
    severity: Severity
    value: Measured = None
    limit: Measured = None
    """The threshold that `value` is held against, in the same unit."""
    lower: Measured = None
    upper: Measured = None
    p_value: Measured = None
    """Corrected for the number of subjects, where the check corrects."""
    rows: int = 0
    days: tuple[date, ...] = ()
    """Days that are at fault, for faults that belong to days."""
    reason: str
    """The same in a plain sentence with its figures."""

    @property
    def times_limit(self) -> float:
        """How many times its limit a value is, or the limit is the value, whichever is more: far is bad either way."""
        value, limit = abs(self.value or 0.0), abs(self.limit or 0.0)
        return max(value / limit, limit / value) if value and limit else 0.0


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings sorted by severity, the worst first; what went past a limit by how far, the rest in the given order."""

    def rank(finding: Finding) -> tuple[int, float]:
        is_past = finding.severity in (Severity.CRITICAL, Severity.WARNING)
        return SEVERITIES.index(finding.severity), -finding.times_limit if is_past else 0.0

    return sorted(findings, key=rank)


class Evidence(Result):
    """Something that a night's decision rests on."""

    word: ClassVar[str]
    """What messages call it."""
    format: Literal[1] = 1
    model: str
    as_of: AwareDatetime

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        return canonical_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore from the canonical text."""
        return cls.model_validate(json.loads(data))


class Observation(Evidence):
    """What one check saw in one night."""

    word = "observation"
    kind: CheckKind
    release_version: str | None
    bundle_digest: str | None
    first_day: date | None
    last_day: date | None
    """Days looked at; None when there was nothing to look at."""
    rows: int
    findings: tuple[Finding, ...]

    @classmethod
    def of(
        cls, collected: Collected, kind: CheckKind, findings: tuple[Finding, ...], *, days: Iterable[date], rows: int
    ) -> Self:
        """Return what a check saw of a night.

        Args:
            collected: What the night looks at.
            kind: Which check.
            findings: What it found.
            days: Days it looked at, in any order.
            rows: How many rows of them.
        """
        champion, looked_at = collected.champion, sorted(days)
        return cls(
            model=collected.model,
            as_of=collected.as_of,
            kind=kind,
            release_version=champion and champion.version,
            bundle_digest=champion and champion.bundle_digest,
            first_day=looked_at[0] if looked_at else None,
            last_day=looked_at[-1] if looked_at else None,
            rows=rows,
            findings=findings,
        )

    def at(self, *severities: Severity) -> tuple[Finding, ...]:
        """Return the findings of some severities, in order."""
        return tuple(finding for finding in self.findings if finding.severity in severities)


class Cause(StrEnum):
    """Why the night looks as it does."""

    NOTHING = "nothing"
    UPSTREAM_FAULT = "upstream_fault"
    """The data is wrong: a changed unit, a burst of missing values, a missing day, a changed schema."""
    COVARIATE_SHIFT = "covariate_shift"
    """The world sends other rows; the answers are as good as before."""
    CONCEPT_DRIFT = "concept_drift"
    """The same rows come true otherwise."""
    LABELS_IMMATURE = "labels_immature"
    """Something moved, and the labels that would tell whether it matters are not there yet."""
    SERVICE_FAULT = "service_fault"
    """The machinery: late, constant, missing or slow answers."""
    WORSE_RELEASE = "worse_release"
    """The champion answers worse than the release that it replaced; triage does not say so, the decision does."""


class Action(StrEnum):
    """What is done about it."""

    RETRAIN = "retrain"
    QUARANTINE = "quarantine"
    """Set the faulty days aside, out of training, and tell somebody."""
    ROLLBACK = "rollback"
    """Make the release that the champion replaced the champion again."""
    WAIT = "wait"
    LOG = "log"


class Diagnosis(Evidence):
    """What triage made of a night."""

    word = "diagnosis"
    release_version: str | None
    bundle_digest: str | None
    cause: Cause
    severity: Severity
    reasons: tuple[str, ...] = Field(min_length=1)
    """In plain sentences, the deciding one first."""
    alarms: tuple[str, ...]
    """Keys `check:subject` of everything critical tonight, and of last night's alarms that are still warned about, sorted;
    tomorrow's triage counts from them."""
    warnings: tuple[str, ...] = ()
    """Keys of everything that is warned about and no alarm, sorted."""
    faulty_days: tuple[date, ...] = ()
    """Days to be set aside, for an upstream fault."""
    wants_probe: bool
    """Whether the question of the probe is worth asking tonight."""
    observations: dict[CheckKind, str]
    """Digest of each observation it rests on."""


class ProbeMeasurement(Evidence):
    """Whether a quick refit would have beaten the champion on the newest matured rows."""

    word = "probe"
    release_version: str
    bundle_digest: str
    metric: MetricName
    champion: Measured
    refit: Measured
    improvement: Measured
    """Positive is better, whatever the metric's direction."""
    lower: Measured
    upper: Measured
    confidence: FiniteFloat
    training_rows: int
    probe_rows: int
    probe_days: int
    probe_positives: int
    probe_first_day: date | None
    probe_last_day: date | None
    rows_digest: str


class ProbationMeasurement(Evidence):
    """A new champion beside the release that it replaced, on the matured rows it has answered since."""

    word = "probation"
    release_version: str
    bundle_digest: str
    replaced_version: str
    replaced_digest: str
    metric: MetricName
    champion: Measured
    replaced: Measured
    """What the release before would have answered to the same rows."""
    improvement: Measured
    """Positive: the champion is better, whatever the metric's direction."""
    lower: Measured
    upper: Measured
    confidence: FiniteFloat
    """One-sided, of either bound, in this look."""
    look: int = Field(ge=1)
    looks: int = Field(ge=1)
    """How many looks there are in all."""
    first_day: date
    last_day: date
    """Days since the release that this look is about."""
    rows: int
    days: int
    """Days among them that have rows."""
    positives: int
    rows_digest: str
    not_measured_because: str = ""
    """Why the release before could not be asked, in words; empty where it could."""


class NightTerms(Evidence):
    """What else a night's decision rests on: the rules that were in force, and what was counted."""

    word = "terms"
    new_rows: int | None
    released_at: AwareDatetime | None
    newest_night: AwareDatetime | None
    """The newest night that had been decided already; None where there was none."""
    monitoring: Monitoring
    retraining: Retraining
    probation: Probation


class NightDecision(Result):
    """What is done tonight, and why; the decision record of a night."""

    format: Literal[1] = 1
    model: str
    as_of: AwareDatetime
    revision: int = Field(1, ge=1)
    """1 for the night's first decision; another one only where the evidence has changed and nothing was started."""
    release_version: str | None
    bundle_digest: str | None
    cause: Cause
    action: Action
    severity: Severity
    reasons: tuple[str, ...] = Field(min_length=1)
    alarms: tuple[str, ...]
    faulty_days: tuple[date, ...] = ()
    probed: bool
    """Whether the probe answered, be it yes or no; one that could not be measured did not."""
    starts_training: bool
    """Whether a training with the decision's id as its run id is to be started."""
    rolls_back_to: str | None = None
    """Version that is to be the champion again; None: nothing is taken back."""
    new_rows: int
    """Matured outcomes that the champion has not learned from."""
    diagnosis_digest: str
    probe_digest: str | None
    probation_digest: str | None = None
    policy_digest: str
    """Digest of the rules of the definition that decided; the rules themselves are in the terms."""
    past_digest: str
    """Digest of the earlier nights it looked at."""
    evidence_uri: str = ""
    """Folder with the observations, the diagnosis and the probe."""
    report_uri: str = ""
    recorded_at: AwareDatetime | None = None


class PastNight(Result):
    """An earlier night's decision, as much of it as tonight's depends on."""

    as_of: AwareDatetime
    release_version: str | None
    cause: Cause
    action: Action
    alarms: tuple[str, ...]
    probed: bool
    decision_id: str

    @classmethod
    def of(cls, decision: NightDecision, decision_id: str) -> Self:
        """Return what later nights need to know of a decision."""
        return cls(
            as_of=decision.as_of,
            release_version=decision.release_version,
            cause=decision.cause,
            action=decision.action,
            alarms=decision.alarms,
            probed=decision.probed,
            decision_id=decision_id,
        )
