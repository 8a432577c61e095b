"""Benjamini and Hochberg's correction for several tests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values: rejecting those up to q keeps the expected share of false ones among the rejected at q.

    It holds for independent tests and for those that depend on each other positively, as features of the same rows mostly do.
    A share of false alarms is the right promise where many features move at once and somebody looks at a list of them.

    Args:
        p_values: From 0 to 1, shape (n_tests,). NaN is a test that could not be made: it stays NaN and counts for nothing.

    Returns:
        Adjusted p-values in the given order, each at least the given one and at most 1.

    References:
        Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 1995;
        Benjamini and Yekutieli, "The control of the false discovery rate in multiple testing under dependency", Annals of
        Statistics 2001.
    """
    values = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(values))
    falling = made[np.argsort(-values[made], kind="stable")]
    stepped = np.minimum.accumulate(values[falling] * (len(made) / np.arange(len(made), 0, -1)))
    adjusted = np.full(len(values), np.nan)
    adjusted[falling] = np.minimum(stepped, 1.0)
    return tuple(float(value) for value in adjusted)
