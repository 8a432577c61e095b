"""Bounds of a share counted on rows that resemble each other."""

from __future__ import annotations

from evergreen.statistics.wilson_bounds import wilson_bounds


def proportion_interval(hits: int, n_rows: int, *, z: float, design_effect: float = 1.0) -> tuple[float, float]:
    """Bounds of the true share behind `hits` of `n_rows`, by Wilson's score interval on the rows they are worth.

    Args:
        hits: From 0 to `n_rows`.
        n_rows: 0 or more; without rows the bounds are 0 and 1.
        z: Standard normal quantile of one side, such as 1.645 for 95 %.
        design_effect: How many rows weigh as much as one independent row, 1 or more.

    Returns:
        Lower and upper bound, each from 0 to 1.

    References:
        Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
        survey data", Survey Methodology 1998: the effective number of rows in a score interval.
    """
    return wilson_bounds(hits / design_effect, n_rows / design_effect, z=z)
