"""How good the answers were. Pure: a frame and rules in, findings out.

Days, not rows, are the independent units: rows of one day share their weather. Every bound comes from resampling whole days.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.measurement import finite
from evergreen.observation import Finding, Severity
from evergreen.stages.check_performance.cohort import mature_cohort, maturity_findings
from evergreen.stages.check_performance.estimates import estimate_findings
from evergreen.stages.check_performance.limits import limit_of
from evergreen.stages.check_performance.measuring import Terms
from evergreen.stages.check_performance.slices import slice_findings
from evergreen.stages.check_performance.wording import compared, number, sample, title

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pandas as pd

    from evergreen.definitions.gate import MetricName
    from evergreen.definitions.monitoring import Performance
    from evergreen.definitions.training import Costs
    from evergreen.stages.check_performance.cohort import Cohort
    from evergreen.stages.check_performance.limits import Limit


def performance_findings(
    outcomes: pd.DataFrame,
    *,
    expected: Mapping[MetricName, float],
    rules: Performance,
    threshold: float,
    costs: Costs,
    last_mature_day: date | None,
) -> tuple[Finding, ...]:
    """Judge the champion's answers on the newest mature days, and estimate how good those of younger days will prove.

    Args:
        outcomes: The champion's answers to rows it has not learned from: `_day`, `probability`, `label` (NaN while unknown),
            `_slice_<column>` of each watched slice, and `_label_days` (days from the end of the row's day until its label
            could be read) where that is known. Days before the window say which share of labels is usual.
        expected: What the gate measured of the release; a metric that is not there is unknown.
        rules: What is watched and how far it may go.
        threshold: Probability from which the champion says yes.
        costs: What each kind of answer costs.
        last_mature_day: The newest day whose labels have been waited for; None where none has.

    Returns:
        `metric` for each watched metric, `slice`, `maturity`, then `estimate`. What cannot be told is UNKNOWN, never OK.
    """
    terms = Terms(rules, threshold, costs)
    cohort = mature_cohort(outcomes, rules, last_mature_day)
    shortage = terms.shortage(cohort.rows)
    limits = [limit_of(watched, expected.get(watched.metric), rules.warn_at) for watched in rules.metrics]
    metrics = [_metric(cohort, terms, limit, shortage) for limit in limits]
    slices = [] if shortage else slice_findings(cohort, terms, expected.get(rules.metrics[0].metric))
    estimates = estimate_findings(outcomes, cohort, terms, limits, metrics, last_mature_day)
    return (*metrics, *slices, *maturity_findings(cohort, rules), *estimates)


def _metric(cohort: Cohort, terms: Terms, limit: Limit, shortage: str) -> Finding:
    if cohort.rows.empty:
        return _untold(cohort, limit, "no mature day has labels")
    found = terms.measure(limit.metric, cohort.rows)
    if not math.isfinite(found.estimate):
        return _untold(cohort, limit, shortage or "it is not defined on these outcomes")
    severity = Severity.UNKNOWN if shortage else limit.judge(found)
    if cohort.unusable and severity is Severity.OK:
        severity = Severity.UNKNOWN
    said = f"{title(limit.metric)} {number(found.estimate)} on {sample(cohort)}{compared(limit, found.estimate, severity)}"
    if shortage:
        said = f"{title(limit.metric)} cannot be told: {shortage}; {number(found.estimate)} on {sample(cohort)}"
    elif severity is Severity.UNKNOWN and not cohort.unusable:
        said += "; its bounds cannot be told" if not math.isfinite(found.lower) else ""
    if cohort.unusable:
        said += f"; {cohort.unusable:,} answers are no probability and left out"
    return Finding(
        check="metric",
        subject=limit.metric,
        severity=severity,
        value=found.estimate,
        limit=limit.value,
        lower=finite(found.lower),
        upper=finite(found.upper),
        rows=len(cohort.rows),
        reason=said,
    )


def _untold(cohort: Cohort, limit: Limit, why: str) -> Finding:
    return Finding(
        check="metric",
        subject=limit.metric,
        severity=Severity.UNKNOWN,
        limit=limit.value,
        rows=len(cohort.rows),
        reason=f"{title(limit.metric)} cannot be told: {why}",
    )
