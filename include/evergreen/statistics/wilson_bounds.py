"""Bounds of a share that was counted on some rows."""

from __future__ import annotations

from math import sqrt


def wilson_bounds(hits: float, n_rows: float, *, z: float) -> tuple[float, float]:
    """Bounds of the true share behind `hits` of `n_rows`, by Wilson's score interval.

    It stays inside 0 to 1 and is right on few rows and for shares near 0, where the usual interval is empty.

    Args:
        hits: From 0 to `n_rows`; a share of effective rows need not be whole.
        n_rows: 0 or more; without rows the bounds are 0 and 1.
        z: Standard normal quantile of one side, such as 1.645 for 95 %.

    Returns:
        Lower and upper bound, each from 0 to 1.

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if n_rows <= 0:
        return 0.0, 1.0
    share, correction = hits / n_rows, z * z / n_rows
    middle = share + correction / 2
    half = z * sqrt(share * (1 - share) / n_rows + correction / (4 * n_rows))
    return max((middle - half) / (1 + correction), 0.0), min((middle + half) / (1 + correction), 1.0)
