"""Shares of yes, among answers and among labels that have matured, against those of the release's reference."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from evergreen.observation import Finding, Severity
from evergreen.stages.check_drift.effects import WARN_AT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FEWEST_DAYS = 5


def share_finding(
    check: str,
    values: ArrayLike,
    days: ArrayLike,
    *,
    among: str,
    expected: float,
    expected_days: int,
    limit: float,
    alpha: float,
    min_rows: int,
    worst: Severity = Severity.CRITICAL,
) -> Finding:
    """Judge the share of yes. Days are the independent units: rows of one day have much in common.

    Args:
        check: Name of the check.
        values: 0 or 1, NaN for unknown, shape (n_rows,).
        days: Day of each row, datetime64[D], shape (n_rows,).
        among: What is counted, in words: answers or labels.
        expected: Share of the reference.
        expected_days: Days of the reference, whose share varies by chance, too.
        limit: Smallest change that matters.
        alpha: Largest p-value that is no chance.
        min_rows: Fewest rows for a word about it.
        worst: Severity of a change that matters and is no chance.
    """
    numbers, row_days = np.asarray(values, dtype=np.float64), np.asarray(days, dtype="datetime64[D]")
    known = np.isfinite(numbers)
    n_rows, n_days = int(known.sum()), len(np.unique(row_days[known]))
    if n_rows < min_rows or n_days < FEWEST_DAYS:
        reason = f"{n_rows:,} rows of {n_days} days; {min_rows:,} rows of {FEWEST_DAYS} days are needed to tell"
        return Finding(check=check, subject="share of yes", severity=Severity.UNKNOWN, limit=limit, rows=n_rows, reason=reason)
    share, error = _share_and_error(numbers[known], row_days[known])
    change = share - expected
    error = max(error * sqrt(1 + n_days / max(expected_days, 1)), 1e-12)
    p_value = float(2 * student.sf(abs(change) / error, n_days - 1))
    sure = p_value <= alpha
    severity = Severity.OK
    if sure and abs(change) >= WARN_AT * limit:
        severity = worst if abs(change) >= limit else Severity.WARNING
    chance = "no chance" if sure else "as much as chance may do"
    reach = float(student.isf(alpha / 2, n_days - 1)) * error
    return Finding(
        check=check,
        subject="share of yes",
        severity=severity,
        value=abs(change),
        limit=limit,
        lower=max(abs(change) - reach, 0.0),
        upper=abs(change) + reach,
        p_value=p_value,
        rows=n_rows,
        reason=(
            f"the share of yes among {among} is {share:.3f}, in the reference {expected:.3f}: a change of {change:+.3f}; "
            f"from {limit:g} it matters; {chance} (p = {p_value:.2g}, {n_rows:,} rows of {n_days} days)"
        ),
    )


def _share_and_error(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], days: np.ndarray[tuple[int], np.dtype[np.datetime64]]
) -> tuple[float, float]:
    """Return the share and its standard error, from the spread between days; never below that of independent rows."""
    _, day = np.unique(days, return_inverse=True)
    yes, rows = np.bincount(day, values), np.bincount(day)
    share = float(yes.sum() / rows.sum())
    between = float(np.sum((yes - share * rows) ** 2)) * len(rows) / (len(rows) - 1) / float(rows.sum()) ** 2
    return share, sqrt(max(between, share * (1 - share) / float(rows.sum())))
