"""What a step takes: time, requests, and that nobody has paused it; and when it has taken too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.stages.rollout.wording import count, span
from evergreen.trial_evidence import RuleKind, TrialRule

if TYPE_CHECKING:
    from evergreen.trial_evidence import TrialEvidence


def judge_patience(evidence: TrialEvidence) -> list[TrialRule]:
    """Rule on what the step still waits for."""
    step, asked = evidence.step, evidence.step_requests
    seconds = max((evidence.looked_at - step.began_at).total_seconds(), 0.0)
    is_paused = bool(step.paused)
    return [
        _patience(
            "requests of this step",
            found=count(asked, "request"),
            allowed=f"at least {step.min_requests:,}",
            holds=asked >= step.min_requests,
            reason=f"{asked:,} of {count(step.min_requests, 'request')} so far.",
        ),
        _patience(
            "time of this step",
            found=span(seconds),
            allowed=f"at least {span(step.hold_seconds)}",
            holds=seconds >= step.hold_seconds,
            reason=f"{span(seconds)} of {span(step.hold_seconds)} so far.",
        ),
        _patience(
            "pause",
            found=step.paused or "none",
            allowed="none",
            holds=not is_paused,
            reason=f"Paused {step.paused}." if is_paused else "Nobody has paused it.",
        ),
    ]


def judge_end(evidence: TrialEvidence) -> TrialRule:
    """Rule that the step is not past the moment from which the champion answers alone: who has not passed by then fails."""
    step, asked = evidence.step, evidence.step_requests
    is_over = evidence.looked_at >= step.expires_at
    why = f"only {asked:,} of {count(step.min_requests, 'request')} came"
    if asked >= step.min_requests:
        why = f"it was paused {step.paused}" if step.paused else "nobody looked in time"
    end = f"{step.expires_at:%Y-%m-%d %H:%M} UTC"
    return TrialRule(
        kind=RuleKind.LIMIT,
        name="time until it is given up",
        found=f"{evidence.looked_at:%Y-%m-%d %H:%M} UTC",
        allowed=f"before {end}",
        holds=not is_over,
        reason=f"Step {step.number} of {step.steps} was not passed by {end}: {why}."
        if is_over
        else f"The step may take until {end}.",
    )


def _patience(name: str, *, found: str, allowed: str, holds: bool, reason: str) -> TrialRule:
    return TrialRule(kind=RuleKind.PATIENCE, name=name, found=found, allowed=allowed, holds=holds, reason=reason)
