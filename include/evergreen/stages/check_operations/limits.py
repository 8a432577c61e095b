"""A figure of every day, held against one limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.observation import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

WARN_AT = 0.8
"""Share of the way to a limit from which is warned."""


def largest(check: str, subject: str, values: Iterable[tuple[date, float]], limit: float, unit: str) -> Finding:
    """Judge the largest of a day's figures."""
    found = list(values)
    if not found:
        return Finding(check=check, subject=subject, severity=Severity.UNKNOWN, limit=limit, reason=f"no {check} is known")
    day, value = max(found, key=lambda each: (each[1], each[0]))
    over = tuple(sorted({day for day, each in found if each > limit}))
    severity = Severity.CRITICAL if over else Severity.WARNING if value > WARN_AT * limit else Severity.OK
    return Finding(
        check=check,
        subject=subject,
        severity=severity,
        value=value,
        limit=limit,
        days=over,
        reason=f"{check.replace('_', ' ')} of {subject} was {value:,.1f} {unit} on {day}; up to {limit:,.0f} is allowed",
    )
