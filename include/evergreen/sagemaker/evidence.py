"""What CloudWatch counts of a challenger on an endpoint, and what follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evergreen.statistics.bet_mixture import log_wealth

if TYPE_CHECKING:
    from datetime import timedelta

    from evergreen.definitions.release import BehaviourLimits, RolloutStep

_EXCESSES = (1.5, 3.0, 10.0, 100.0)
"""Failure shares that are bet on, in multiples of the limit."""


@dataclass(frozen=True)
class Evidence:
    """What was seen of a challenger since its step began."""

    requests: int
    """Requests that SageMaker sent it."""
    failures: int
    """Those that it answered with a status of 500 or more, or not at all."""
    ringing: tuple[str, ...] = ()
    """Alarms that are going off."""


@dataclass(frozen=True)
class Look:
    """What a look at the evidence came to."""

    outcome: Literal["wait", "pass", "take_back"]
    why: str


def judge(evidence: Evidence, step: RolloutStep, limits: BehaviourLimits, elapsed: timedelta, give_up_after: timedelta) -> Look:
    """Decide on a step: no alarm, failures within the limit, and then time and requests.

    Failures are a bet against the limit, as on the gateway, so that one may look as often as one likes. CloudWatch tells sums
    by the minute and not single requests: a cause that fails many at once counts as many.

    Args:
        evidence: What was seen since the step began.
        step: What it takes.
        limits: What the challenger may do.
        elapsed: Since the step began.
        give_up_after: A step that takes longer is given up.
    """
    if evidence.ringing:
        return Look("take_back", f"the alarm {', '.join(evidence.ringing)} goes off")
    if not 0 <= evidence.failures <= evidence.requests:
        return Look("take_back", f"{evidence.failures} failures of {evidence.requests} requests are no figures to go by")
    if _is_beyond(evidence, limits):
        share = f"{evidence.failures} of {evidence.requests} requests failed"
        return Look("take_back", f"{share}, at most {limits.max_failure_share:.2%} may")
    if elapsed >= give_up_after:
        return Look("take_back", f"the step was not over after {give_up_after}: {_missing(evidence, step)}")
    if elapsed >= step.hold and evidence.requests >= step.min_requests:
        return Look("pass", f"{evidence.requests} requests, {evidence.failures} failures, no alarm")
    return Look("wait", _missing(evidence, step))


def _is_beyond(evidence: Evidence, limits: BehaviourLimits) -> bool:
    limit = limits.max_failure_share
    shares = [min(limit * excess, (1 + limit) / 2) for excess in _EXCESSES]
    stakes = [(share - limit) / (limit * (1 - limit)) for share in shares]
    counts = [evidence.failures, evidence.requests - evidence.failures]
    return log_wealth([1 - limit, -limit], counts, stakes) >= -math.log(1 - limits.confidence)


def _missing(evidence: Evidence, step: RolloutStep) -> str:
    return f"{evidence.requests} of {step.min_requests} requests"
