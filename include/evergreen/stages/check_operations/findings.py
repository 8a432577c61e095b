"""Everything the check of operations looks at, on plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.observation import Finding, Severity
from evergreen.stages.check_operations.limits import WARN_AT, largest
from evergreen.stages.check_operations.traffic import traffic_findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from evergreen.definitions.monitoring import Operations
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.tables.run_facts import RunFacts
    from evergreen.tables.served_traffic import DayTraffic

FEWEST_ROWS = 30
"""Rows of a day below which its answers are too few to be called constant or shifted."""


def operations_findings(
    answers: pd.DataFrame,
    *,
    runs: Sequence[RunFacts],
    feature_age_hours: Mapping[str, float],
    hours_unwatched: float | None,
    reference: ReferenceProfile | None,
    rules: Operations,
    traffic: Mapping[date, DayTraffic] | None = None,
) -> tuple[Finding, ...]:
    """Look at run times, memory, the age of features, the answers, how long they took and the time since the last night.

    Args:
        answers: `_day`, `probability` and `decision` of the window.
        runs: What the scoring runs of the window cost.
        feature_age_hours: Per raw table, hours between the end of its newest day and the night.
        hours_unwatched: Hours since the night before; None where there was none.
        reference: The release's own reference, if there is one.
        rules: The thresholds.
        traffic: Per day, what the gateway did; None where its answers are not watched.
    """
    days = answers["_day"].to_numpy(dtype=object) if len(answers) else np.array([], dtype=object)
    by_day = {day: answers[days == day] for day in sorted(set(days))}
    return (
        largest("run_time", "scoring", [(r.day, r.seconds / 60) for r in runs], rules.max_run_minutes, "minutes"),
        largest("memory", "scoring", [(r.day, r.peak_memory_mb) for r in runs], rules.max_memory_mb, "MB"),
        _feature_age(feature_age_hours, rules.max_feature_age.total_seconds() / 3600),
        _unwatched(hours_unwatched, rules.max_hours_unwatched),
        _null_answers(by_day, rules.max_null_answer_share),
        _constant_answers(by_day, rules.min_distinct_answers),
        _answer_share(by_day, reference, rules.max_positive_share_change),
        *([] if traffic is None else traffic_findings(traffic, rules)),
    )


def _feature_age(hours: Mapping[str, float], limit: float) -> Finding:
    if not hours:
        reason = "no raw table is kept by day"
        return Finding(check="feature_age", subject="tables", severity=Severity.UNKNOWN, limit=limit, reason=reason)
    table = max(hours, key=lambda each: (hours[each], each))
    value = hours[table]
    severity = Severity.CRITICAL if value > limit else Severity.WARNING if value > WARN_AT * limit else Severity.OK
    reason = f"the newest day of `{table}` ended {value:,.0f} hours before the night; up to {limit:,.0f} is allowed"
    return Finding(check="feature_age", subject=table, severity=severity, value=value, limit=limit, reason=reason)


def _unwatched(hours: float | None, limit: float) -> Finding:
    if hours is None:
        reason = "this is the first night that is watched"
        return Finding(check="unwatched", subject="monitoring", severity=Severity.OK, limit=limit, reason=reason)
    # What was not watched is over, and the sweep has told of it while it lasted; tonight is none the worse.
    severity = Severity.WARNING if hours > limit else Severity.OK
    reason = f"the night before was {hours:,.0f} hours ago; up to {limit:,.0f} is allowed"
    return Finding(check="unwatched", subject="monitoring", severity=severity, value=hours, limit=limit, reason=reason)


def _null_answers(by_day: Mapping[date, pd.DataFrame], limit: float) -> Finding:
    shares = {day: float(np.mean(~np.isfinite(_probabilities(rows)))) for day, rows in by_day.items() if len(rows)}
    return _worst_day("null_answers", shares, by_day, limit, "of the answers are missing or no number")


def _constant_answers(by_day: Mapping[date, pd.DataFrame], least: int) -> Finding:
    distinct = {day: len(np.unique(_finite(rows))) for day, rows in by_day.items() if len(_finite(rows)) >= FEWEST_ROWS}
    if not distinct:
        reason = f"no day has {FEWEST_ROWS} answers"
        return Finding(check="constant_answers", subject="probability", severity=Severity.UNKNOWN, limit=least, reason=reason)
    day = min(distinct, key=lambda each: (distinct[each], each))
    faulty = tuple(sorted(each for each, count in distinct.items() if count < least))
    return Finding(
        check="constant_answers",
        subject="probability",
        severity=Severity.CRITICAL if faulty else Severity.OK,
        value=distinct[day],
        limit=least,
        rows=len(by_day[day]),
        days=faulty,
        reason=f"{day} has {distinct[day]:,} different probabilities; {least} are the fewest",
    )


def _answer_share(by_day: Mapping[date, pd.DataFrame], reference: ReferenceProfile | None, limit: float) -> Finding:
    """Judge the share of yes day by day, less what varies by chance: rows of one day, such as one of storms, are alike."""
    if reference is None or reference.answer_share is None:
        reason = "the release's reference holds no share of answers"
        return Finding(check="answer_share", subject="decision", severity=Severity.UNKNOWN, limit=limit, reason=reason)
    expected, changes = reference.answer_share, {}
    alike = reference.probability.design_effect if reference.probability else 1.0
    for day, rows in by_day.items():
        answers = rows["decision"].dropna().astype(np.float64)
        if len(answers) >= FEWEST_ROWS:
            chance = 3 * float(np.sqrt(max(expected * (1 - expected), 0.01) * alike / len(answers)))
            changes[day] = max(abs(float(answers.mean()) - expected) - chance, 0.0)
    words = f"is by how much the share of yes differs from {expected:.3f} in the reference, beyond chance"
    return _worst_day("answer_share", changes, by_day, limit, words)


def _worst_day(
    check: str, values: Mapping[date, float], by_day: Mapping[date, pd.DataFrame], limit: float, words: str
) -> Finding:
    if not values:
        reason = "no day has answers enough to look at"
        return Finding(check=check, subject="decision", severity=Severity.UNKNOWN, limit=limit, reason=reason)
    day = max(values, key=lambda each: (values[each], each))
    faulty = tuple(sorted(each for each, value in values.items() if value > limit))
    return Finding(
        check=check,
        subject="decision",
        severity=Severity.CRITICAL if faulty else Severity.OK,
        value=values[day],
        limit=limit,
        rows=len(by_day[day]),
        days=faulty,
        reason=f"{values[day]:.3f} {words} on {day}; up to {limit:g} is allowed",
    )


def _probabilities(rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return rows["probability"].to_numpy(dtype=np.float64, na_value=np.nan)


def _finite(rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = _probabilities(rows)
    return values[np.isfinite(values)]
