"""The first watched metric, value by value of a column. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.definitions.monitoring import WatchedMetric
from evergreen.measurement import direction, finite
from evergreen.observation import Finding, Severity
from evergreen.stages.check_performance.limits import limit_of
from evergreen.stages.check_performance.wording import compared, number, title
from evergreen.statistics.holm import holm
from evergreen.statistics.paired_cluster_bootstrap import Interval, chance_of_no_loss

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.definitions.monitoring import WatchedSlice
    from evergreen.stages.check_performance.cohort import Cohort
    from evergreen.stages.check_performance.limits import Limit
    from evergreen.stages.check_performance.measuring import Terms

_MISSING = "(missing)"
_MOST_SHOWN = 20


def slice_findings(cohort: Cohort, terms: Terms, expected: float | None) -> list[Finding]:
    """Judge every value of the watched columns that has rows enough; the others are named and not judged.

    The more values are looked at, the more of them look bad by chance: the chances are corrected for their number (Holm), and a
    value is only warned about when it is past its limit.

    Args:
        cohort: The mature days.
        terms: What is measured by.
        expected: The metric on all rows of the release's holdout; None where it is unknown.
    """
    metric = terms.rules.metrics[0].metric
    judged: list[tuple[str, pd.DataFrame, Interval, Limit]] = []
    findings: list[Finding] = []
    for watched in terms.rules.slices:
        values = _values(cohort, watched)
        limit = limit_of(WatchedMetric(metric=metric, max_worsening=watched.max_worsening), expected, 1.0)
        large = {value: rows for value, rows in values.items() if len(rows) >= watched.min_rows}
        judged += [(f"{watched.by}={value}", rows, terms.measure(metric, rows), limit) for value, rows in large.items()]
        small = {value: len(rows) for value, rows in values.items() if value not in large}
        if small:
            findings.append(_too_small(watched, small))
    chances = _corrected(judged)
    return [_finding(*found, chance, terms) for found, chance in zip(judged, chances, strict=True)] + findings


def _values(cohort: Cohort, watched: WatchedSlice) -> dict[str, pd.DataFrame]:
    column = f"_slice_{watched.by}"
    if column not in cohort.rows.columns:
        return {}
    return {str(value): rows for value, rows in cohort.rows.groupby(cohort.rows[column].fillna(_MISSING), sort=True)}


def _corrected(judged: list[tuple[str, pd.DataFrame, Interval, Limit]]) -> list[float | None]:
    """Return the corrected chance that each slice is not past its limit; None where it cannot be told."""
    chances = [_chance(rows, found, limit) for _, rows, found, limit in judged]
    corrected = iter(holm([chance for chance in chances if math.isfinite(chance)]))
    return [next(corrected) if math.isfinite(chance) else None for chance in chances]


def _chance(rows: pd.DataFrame, found: Interval, limit: Limit) -> float:
    if limit.value is None:
        return math.nan
    room = direction(limit.metric) * (found.estimate - limit.value)
    return chance_of_no_loss(Interval(room, math.nan, math.nan, found.standard_error), rows["day_number"].nunique())


def _finding(subject: str, rows: pd.DataFrame, found: Interval, limit: Limit, chance: float | None, terms: Terms) -> Finding:
    severity = limit.judge(found)
    if severity is Severity.CRITICAL and (chance is None or chance > 1 - terms.rules.confidence):
        severity = Severity.WARNING
    if rows["day_number"].nunique() < terms.rules.min_days:
        severity = Severity.UNKNOWN
    said = f"{title(limit.metric)} of {subject} {number(found.estimate)} ({len(rows):,} outcomes)"
    told = compared(limit, found.estimate, severity) if math.isfinite(found.estimate) else ": cannot be told"
    return Finding(
        check="slice",
        subject=subject,
        severity=severity,
        value=finite(found.estimate),
        limit=limit.value,
        lower=finite(found.lower),
        upper=finite(found.upper),
        p_value=chance,
        rows=len(rows),
        reason=said + told,
    )


def _too_small(watched: WatchedSlice, small: dict[str, int]) -> Finding:
    shown = ", ".join(f"{value} {rows:,}" for value, rows in list(small.items())[:_MOST_SHOWN])
    more = f" and {len(small) - _MOST_SHOWN} more" if len(small) > _MOST_SHOWN else ""
    return Finding(
        check="small_slices",
        subject=watched.by,
        severity=Severity.OK,
        value=len(small),
        rows=sum(small.values()),
        reason=f"not judged, with fewer than {watched.min_rows:,} outcomes of {watched.by}: {shown}{more}",
    )
