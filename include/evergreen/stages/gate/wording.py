"""Numbers and models in words, the same in every reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.measurement import Role, Statistics


def write_number(value: float | None) -> str:
    """Write a metric with four decimals, a large cost with two; `unknown` for what was not measured."""
    if value is None:
        return "unknown"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.2f}"


def write_change(improvement: float | None) -> str:
    """Write an improvement as a change: better by 0.0360, worse by 0.0100."""
    if improvement is None:
        return "unknown"
    return f"{'worse' if improvement < 0 else 'better'} by {write_number(abs(improvement))}" if improvement else "no difference"


def write_share(value: float) -> str:
    """Write a confidence as per cent: 95 %."""
    return f"{value * 100:g} %"


def write_sample(statistics: Statistics) -> str:
    """Say what was judged on: 17,203 rows of 21 days."""
    return f"{count(statistics.rows, 'row')} of {count(statistics.days, 'day')}"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: 1 row, 17,203 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def owner(role: Role) -> str:
    """Write a role as the owner of a number: the champion's."""
    return f"the {role}'s"
