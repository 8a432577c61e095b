"""The page of a monitoring night: what was decided and why, and everything the checks saw.

A pure function of stored values, so that a night's page can be made again years later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from evergreen.observation import SEVERITIES, Action, Cause, CheckKind, Severity, worst_first
from evergreen.reports.monitoring_charts import MetricNight, effect_chart, metric_chart
from evergreen.reports.page import render_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from evergreen.observation import Diagnosis, Finding, NightDecision, Observation, ProbationMeasurement, ProbeMeasurement

_TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.UNKNOWN: "plain", Severity.OK: "good"}
_WORDS = {
    Severity.CRITICAL: "✕ critical",
    Severity.WARNING: "! warning",
    Severity.UNKNOWN: "? unknown",
    Severity.OK: "✓ ok",
}
_ACTIONS = {
    Action.RETRAIN: ("warn", "↻", "Retrain"),
    Action.ROLLBACK: ("warn", "↩", "Roll back"),
    Action.QUARANTINE: ("aside", "◐", "Quarantine"),
    Action.WAIT: ("plain", "…", "Wait"),
    Action.LOG: ("good", "✓", "Nothing to do"),
}
_CAUSES = {
    Cause.NOTHING: "nothing unusual",
    Cause.UPSTREAM_FAULT: "a fault upstream",
    Cause.COVARIATE_SHIFT: "other rows, answered as well as before",
    Cause.CONCEPT_DRIFT: "the same rows come true otherwise",
    Cause.LABELS_IMMATURE: "something moved; the labels that would tell are not there yet",
    Cause.SERVICE_FAULT: "a fault of the service",
    Cause.WORSE_RELEASE: "the champion is worse than the release before it",
}
_TITLES = {
    CheckKind.QUALITY: "Quality of the data",
    CheckKind.DRIFT: "Drift",
    CheckKind.PERFORMANCE: "Performance",
    CheckKind.OPERATIONS: "Operations",
}


@dataclass(frozen=True)
class CheckSection:
    """One check of the page."""

    kind: str
    title: str
    observation: Observation | None
    worst: Severity
    told: tuple[Finding, ...]
    """Everything that is not ok, the worst first."""
    fine: tuple[Finding, ...]


def render_monitoring_page(
    observations: Mapping[CheckKind, Observation],
    *,
    model: str,
    as_of: datetime,
    diagnosis: Diagnosis | None = None,
    probe: ProbeMeasurement | None = None,
    probation: ProbationMeasurement | None = None,
    decision: NightDecision | None = None,
    history: Sequence[Observation] = (),
    probabilities: Markup | None = None,
    evidently_href: str = "",
    answers_href: str = "",
    not_drawn: Mapping[str, str] | None = None,
) -> str:
    """Render one night; what has not happened yet is left out.

    Args:
        observations: What each check saw.
        model: Name of the model definition.
        as_of: The night, in the definition's time zone.
        diagnosis: What triage made of it.
        probe: What the probe measured.
        probation: What the champion was measured to be worth beside the release that it replaced.
        decision: What was decided.
        history: Observations of performance of earlier nights, in any order; tonight's may be among them.
        probabilities: `probability_chart` of the window, where it could be drawn.
        evidently_href: Evidently's page of the night, relative to this one.
        answers_href: The same of the answers that came true.
        not_drawn: Per column why it is not on Evidently's page.
    """
    told = decision or diagnosis
    sections = [_section(kind, observations.get(kind)) for kind in CheckKind]
    drift = observations.get(CheckKind.DRIFT)
    tonight = [*history, *(o for kind, o in observations.items() if kind is CheckKind.PERFORMANCE)]
    return render_page(
        "monitoring.html",
        title=f"Monitoring of {model}, {as_of:%Y-%m-%d}",
        model=model,
        as_of=as_of,
        observations=observations,
        diagnosis=diagnosis,
        probe=probe,
        probation=probation,
        decision=decision,
        verdict=_verdict(diagnosis, decision),
        reasons=told.reasons if told else (),
        cause=_CAUSES[told.cause] if told else "",
        release=next((o.release_version for o in observations.values() if o.release_version), None),
        faulty_days=told.faulty_days if told else (),
        sections=sections,
        counts={severity: sum(len(o.at(severity)) for o in observations.values()) for severity in SEVERITIES},
        effects=effect_chart(drift.findings) if drift else None,
        metrics=_metric_charts(tonight),
        probabilities=probabilities,
        evidently_href=evidently_href,
        answers_href=answers_href,
        not_drawn=not_drawn or {},
        tones=_TONES,
        words=_WORDS,
        worded=_worded,
    )


def _worded(sentence: str) -> Markup:
    """Set what stands between backticks as code; everything else stays text."""
    parts = [Markup("<code>{}</code>" if number % 2 else "{}").format(part) for number, part in enumerate(sentence.split("`"))]
    return Markup().join(parts)


def _verdict(diagnosis: Diagnosis | None, decision: NightDecision | None) -> tuple[str, str, str]:
    if decision is not None:
        return _ACTIONS[decision.action]
    if diagnosis is not None:
        return (_TONES[diagnosis.severity], "…", "Diagnosed, not decided")
    return ("plain", "…", "Looked at, not diagnosed")


def _section(kind: CheckKind, observation: Observation | None) -> CheckSection:
    findings = worst_first(observation.findings if observation else ())
    return CheckSection(
        kind=kind,
        title=_TITLES[kind],
        observation=observation,
        worst=findings[0].severity if findings else Severity.UNKNOWN,
        told=tuple(finding for finding in findings if finding.severity is not Severity.OK),
        fine=tuple(finding for finding in findings if finding.severity is Severity.OK),
    )


def _metric_charts(observations: Iterable[Observation]) -> dict[str, Markup]:
    """Draw every watched metric over the nights, each night once."""
    nights: dict[str, dict[datetime, MetricNight]] = {}
    for seen in observations:
        for finding in seen.findings:
            if finding.check == "metric":
                night = MetricNight(seen.as_of, finding.value, finding.lower, finding.upper, finding.limit, finding.severity)
                nights.setdefault(finding.subject, {})[seen.as_of] = night
    charts = {name: metric_chart(name.replace("_", " "), list(each.values())) for name, each in nights.items()}
    return {name: chart for name, chart in charts.items() if chart is not None}
