"""The page of a rollout's step: what came of it in a sentence, and everything a doubtful reader asks next.

It is a pure function of the kept record, so that a page can be made again years later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.reports.page import format_share, plural, render_page
from evergreen.reports.trial_charts import course_chart, difference_chart, evidence_chart, score_map
from evergreen.trial_evidence import RuleKind

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from markupsafe import Markup

    from evergreen.trial_evidence import TrialEvidence, TrialRecord, TrialRule

_WORDS = {
    "pass": ("good", "✓", "Passed"),
    "roll_back": ("bad", "✕", "Taken back"),
    "wait": ("plain", "…", "Still on trial"),
}
_MODES = {"shadow": "shadow", "canary": "canary", "blue_green": "blue/green"}
_ODDS_SHOWN = 6


def render_trial_page(record: TrialRecord, *, evidence_digest: str, zone: ZoneInfo) -> str:
    """Render one step of a rollout.

    Args:
        record: What was seen, and what was decided on it.
        evidence_digest: Digest of the record as it is kept.
        zone: Time zone of the page.
    """
    evidence, decision = record.evidence, record.decision
    step = evidence.step
    return render_page(
        "trial.html",
        title=f"Trial of {evidence.model} version {evidence.version}, step {step.number} of {step.steps}",
        evidence=evidence,
        decision=decision,
        step=step,
        mode=_MODES[step.mode],
        zone=zone,
        verdict=_WORDS[decision.outcome],
        rules=[rule for rule in decision.rules if rule.kind is not RuleKind.PATIENCE],
        patience=[rule for rule in decision.rules if rule.kind is RuleKind.PATIENCE],
        charts=_charts(record),
        evidence_digest=evidence_digest,
        odds=_odds,
        took=_took(evidence),
    )


def _charts(record: TrialRecord) -> dict[str, Markup]:
    evidence = record.evidence
    charts = {"evidence": evidence_chart(record.decision.rules)}
    if evidence.failures.requests:
        charts["course"] = course_chart(evidence.course)
    if evidence.compared.rows:
        shift = evidence.limits.max_mean_shift
        charts |= {
            "scores": score_map(evidence.compared),
            "differences": difference_chart(evidence.compared, max_mean_shift=shift),
        }
    return charts


def _odds(rule: TrialRule) -> str:
    """Write the evidence against a limit as odds."""
    if rule.log_evidence is None:
        return "\u2013"
    exponent = rule.log_evidence / math.log(10)
    if abs(exponent) > _ODDS_SHOWN:
        return f"over 10{_raised(_ODDS_SHOWN)} to 1" if exponent > 0 else f"1 to over 10{_raised(_ODDS_SHOWN)}"
    value = math.exp(abs(rule.log_evidence))
    written = f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return f"{written} to 1" if exponent >= 0 else f"1 to {written}"


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _took(evidence: TrialEvidence) -> str:
    """Say how long the trial has been on, and by what it was cut into."""
    minutes = (evidence.looked_at - evidence.began_at).total_seconds() / 60
    share = format_share(evidence.step.share)
    return f"{share} of the callers, {plural(round(minutes), 'minute')} since the trial began"
