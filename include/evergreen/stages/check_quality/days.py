"""Days that are there, and how many rows each has against the usual of its weekday."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm, poisson

from evergreen.observation import Finding, Severity
from evergreen.stages.check_quality.readings import SURE, Reading, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from evergreen.definitions.monitoring import Quality
    from evergreen.reference_profile import ReferenceProfile

    Positions = NDArray[np.intp]

_FEWEST_SAME_WEEKDAYS = 2


def rows_by_day(frame: pd.DataFrame) -> dict[date, Positions]:
    """Return each day's row positions, in day order.

    Args:
        frame: Rows with `_day`, as dates or as NumPy datetimes.
    """
    if not len(frame):
        return {}
    days = frame["_day"].to_numpy().astype("datetime64[D]")
    order = np.argsort(days, kind="stable")
    unique, starts = np.unique(days[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {day.item(): part for day, part in zip(unique, parts, strict=True)}


def day_findings(
    found: Mapping[date, Positions],
    before: Mapping[date, Positions],
    days: Sequence[date],
    reference: ReferenceProfile,
    rules: Quality,
) -> list[Finding]:
    """Judge which days are missing and which have too few rows.

    Args:
        found: Rows of the days that are checked.
        before: Rows of the trailing days.
        days: Days that ought to be there.
        reference: The release's own reference.
        rules: The thresholds.
    """
    findings, readings = [], []
    for day in sorted(days):
        usual = usual_rows(day, before, reference)
        n_rows = len(found.get(day, ()))
        if n_rows == 0 and usual != 0:
            findings.append(_missing(day, usual))
        elif n_rows and usual:
            readings.append(_row_count(day, n_rows, usual, rules.min_row_share))
    summary = summarise("row_count", "rows", readings)
    return [*findings, *([summary] if summary else [])]


def usual_rows(day: date, before: Mapping[date, Positions], reference: ReferenceProfile) -> float | None:
    """Return the usual rows of a day's weekday: of the trailing days, or else of the reference.

    Returns:
        Median over the trailing days of that weekday where there are at least two; the reference's mean otherwise; None
        where neither has ever seen a row.
    """
    same = [len(rows) for other, rows in before.items() if other.weekday() == day.weekday()]
    if len(same) >= _FEWEST_SAME_WEEKDAYS:
        return float(np.median(same))
    return reference.rows_by_weekday[day.weekday()] if any(reference.rows_by_weekday) else None


def _missing(day: date, usual: float | None) -> Finding:
    expected = "" if usual is None else f"; a {day:%A} usually has {usual:,.0f}"
    return Finding(
        check="missing_day",
        subject=day.isoformat(),
        severity=Severity.CRITICAL,
        value=0.0,
        limit=usual,
        days=(day,),
        reason=f"{day} has no rows{expected}",
    )


def _row_count(day: date, n_rows: int, usual: float, min_share: float) -> Reading:
    """Judge a count: too few where it is below the least and a day of the usual rate would hardly ever have so few.

    The rows that came are all there are, so the count itself has no error; what varies is how many a sound day has.
    """
    least = usual * min_share
    severity = Severity.WARNING if n_rows < least else Severity.OK
    if n_rows < least and poisson.cdf(n_rows, usual) < norm.sf(SURE):
        severity = Severity.CRITICAL
    text = f"{day} has {n_rows:,} rows; a {day:%A} usually has {usual:,.0f} and must have {least:,.0f}"
    return Reading(day, severity, n_rows / usual, min_share, n_rows, text)
