"""Shares, counts and numbers in a finding's sentence."""

from __future__ import annotations


def share(value: float) -> str:
    """Write a share as per cent: 12.5 %."""
    return f"{value * 100:.3g} %" if value < 0.9995 else "100 %"


def rows_of(hits: int, n_rows: int) -> str:
    """Write a count of rows: 360 of 3,000 rows."""
    return f"{hits:,} of {n_rows:,} rows"


def number(value: float) -> str:
    """Write a number with four significant digits, without an exponent where it can be avoided."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
