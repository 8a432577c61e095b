"""What one check read on one day, and many days' readings as one finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.observation import SEVERITIES, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

SURE = 3.1
"""Standard normal quantile of one side (99.9 %): a night asks hundreds of questions, and a wrong answer costs a day's rows."""


@dataclass(frozen=True)
class Reading:
    """One check of one column on one day."""

    day: date
    severity: Severity
    value: float | None
    limit: float | None
    rows: int
    text: str
    """A whole sentence with its figures."""
    lower: float | None = None
    upper: float | None = None


def judge(value: float, bound: float, limit: float) -> Severity:
    """Judge a value that is bad above its limit, by its lower bound: beyond chance, past it without being sure, or neither."""
    if bound > limit:
        return Severity.CRITICAL
    return Severity.WARNING if value > limit else Severity.OK


def summarise(check: str, subject: str, readings: Sequence[Reading]) -> Finding | None:
    """Return one finding for all days of a check: the worst day speaks, all days at fault are named.

    Args:
        check: Name of the check.
        subject: What it looked at.
        readings: One per day that could be looked at.

    Returns:
        None where no day could be looked at.
    """
    if not readings:
        return None
    worst = min(readings, key=lambda reading: (SEVERITIES.index(reading.severity), -_excess(reading)))
    faulty = tuple(sorted(reading.day for reading in readings if reading.severity is Severity.CRITICAL))
    more = f"; so on {len(faulty)} days" if len(faulty) > 1 else ""
    return Finding(
        check=check,
        subject=subject,
        severity=worst.severity,
        value=worst.value,
        limit=worst.limit,
        lower=worst.lower,
        upper=worst.upper,
        rows=worst.rows,
        days=faulty,
        reason=worst.text + more,
    )


def _excess(reading: Reading) -> float:
    return 0.0 if reading.value is None or reading.limit is None else reading.value - reading.limit
