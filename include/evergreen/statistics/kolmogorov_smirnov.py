"""Kolmogorov-Smirnov test: whether a number has moved at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import kstwo

from evergreen.statistics.reference_counts import Significance, as_rising, effective_rows, weighted_counts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.reference_profile import NumericProfile


def kolmogorov_smirnov(
    profile: NumericProfile, current: ArrayLike, weekday_rows: ArrayLike | None = None, *, design_effect: float | None = None
) -> Significance:
    """Largest distance of the two distribution functions, and how likely chance makes one as large.

    Both sides count as many rows as they are worth independent ones: rows over the design effect. Without a design effect (1)
    and with every value in the profile this is `scipy.stats.ks_2samp` with `method="asymp"`. Equal values make it too cautious,
    never too sure. So do days that move all values together: the largest distance then spreads less than the test allows for.

    Args:
        profile: The reference.
        current: The window's values, shape (n_rows,); missing and infinite ones are left out. Values in rising order are taken
            as they are, without another sort.
        weekday_rows: See `weighted_counts`.
        design_effect: Of the window; None takes the reference's, whose days are like the window's days.

    Returns:
        The distance, 0 to 1, and its p-value; both NaN where a side has no value.

    References:
        Smirnov, "Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical Statistics 1948;
        Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", Journal of Statistical Software 2011.
    """
    rising, counts = as_rising(current), weighted_counts(profile, weekday_rows)
    total = counts.sum()
    ours = effective_rows(profile, weekday_rows)
    theirs = len(rising) / (profile.design_effect if design_effect is None else design_effect)
    if not len(rising) or total <= 0:
        return Significance(float("nan"), float("nan"), ours, theirs)
    values, reached = np.asarray(profile.values), np.cumsum(counts) / total
    if profile.exact:
        after = np.searchsorted(rising, values, side="right") / len(rising)
        before = np.searchsorted(rising, values, side="left") / len(rising)
        distance = max(np.abs(after - reached).max(), np.abs(before - np.append(0.0, reached[:-1])).max())
    else:
        # Run means say nothing about inside a run; halfway between two of them the reference's share is known.
        between = np.searchsorted(rising, (values[1:] + values[:-1]) / 2, side="right") / len(rising)
        distance = np.abs(between - reached[:-1]).max()
    pairs = max(round(ours * theirs / (ours + theirs)), 1)
    return Significance(float(distance), float(np.clip(kstwo.sf(distance, pairs), 0.0, 1.0)), ours, theirs)
