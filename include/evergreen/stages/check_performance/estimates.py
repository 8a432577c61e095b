"""How good answers will prove whose labels have not come, and how earlier estimates stood the test. Pure.

The estimate takes the probabilities at their word: of rows said to be 30 % likely, 30 % come true. Where that no longer holds,
as after a change of the world, the estimate is wrong without knowing it. So once a day has matured it is set beside the truth,
and an estimate outside the bounds of the truth is told: younger days' estimates are then not to be relied on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.observation import Finding, Severity
from evergreen.stages.check_performance.wording import number, title
from evergreen.statistics.confidence_based_estimate import confidence_based_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from evergreen.stages.check_performance.cohort import Cohort
    from evergreen.stages.check_performance.limits import Limit
    from evergreen.stages.check_performance.measuring import Terms


def estimate_findings(
    outcomes: pd.DataFrame,
    cohort: Cohort,
    terms: Terms,
    limits: Sequence[Limit],
    metrics: Sequence[Finding],
    last_mature_day: date | None,
) -> list[Finding]:
    """Return estimates of the days that are not mature yet, and those of the judged days beside the truth.

    Args:
        outcomes: The champion's answers; their labels are not looked at.
        cohort: The mature days.
        terms: What is measured by.
        limits: What each watched metric is held against.
        metrics: What was found of each on the mature days, in the same order.
        last_mature_day: The newest day whose labels have been waited for; None where none has.
    """
    young = outcomes if last_mature_day is None else outcomes[outcomes["_day"] > last_mature_day]
    young = young[young["probability"].between(0, 1)]
    findings = []
    for limit, truth in zip(limits, metrics, strict=True):
        if len(young) >= terms.rules.min_rows:
            findings += _young(young, limit, terms)
        if truth.severity is not Severity.UNKNOWN:
            findings += _beside_truth(cohort, limit, truth, terms)
    return findings


def _young(young: pd.DataFrame, limit: Limit, terms: Terms) -> list[Finding]:
    value = _estimated(young, limit, terms)
    if value is None:
        return []
    first, last = min(young["_day"]), max(young["_day"])
    is_past = limit.is_past(value)
    return [
        Finding(
            check="estimate",
            subject=limit.metric,
            severity=Severity.WARNING if is_past else Severity.OK,
            value=value,
            limit=limit.value,
            rows=len(young),
            reason=f"{title(limit.metric)} of {first} to {last} will be about {number(value)} if the probabilities hold, by "
            f"{len(young):,} answers whose labels have not matured" + (f", past its limit ({limit.words})" if is_past else ""),
        )
    ]


def _beside_truth(cohort: Cohort, limit: Limit, truth: Finding, terms: Terms) -> list[Finding]:
    value = _estimated(cohort.rows, limit, terms)
    if value is None or truth.value is None or truth.lower is None or truth.upper is None:
        return []
    holds = truth.lower <= value <= truth.upper
    said = (
        f"{title(limit.metric)} of {cohort.days[0]} to {cohort.days[-1]} was estimated at {number(value)} before labels came, "
    )
    said += f"and came out at {number(truth.value)} ({number(truth.lower)} to {number(truth.upper)})"
    return [
        Finding(
            check="estimate",
            subject=f"{limit.metric}:matured",
            severity=Severity.OK if holds else Severity.WARNING,
            value=value,
            lower=truth.lower,
            upper=truth.upper,
            rows=len(cohort.rows),
            reason=said if holds else f"{said}: estimates of younger days are not to be relied on",
        )
    ]


def _estimated(rows: pd.DataFrame, limit: Limit, terms: Terms) -> float | None:
    """Return the estimate; None for what has none: taken at their word, probabilities are always calibrated."""
    estimate = confidence_based_estimate(
        limit.metric, rows["probability"].to_numpy(), threshold=terms.threshold, costs=terms.costs
    )
    return estimate.value if estimate is not None and math.isfinite(estimate.value) else None
