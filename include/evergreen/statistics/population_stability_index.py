"""Population stability index: how far shares have moved, rare ones counting as much as common ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.reference_counts import aligned_shares, as_rising, weighted_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from evergreen.reference_profile import CategoryProfile, NumericProfile
    from evergreen.statistics.rows import Floats

BINS = 10
"""Bins of a number, of equally many reference rows."""
_FLOOR = 0.0001


def population_stability_index(
    profile: CategoryProfile, current: Mapping[str, int], weekday_rows: ArrayLike | None = None
) -> float:
    """Sum of (share - share now) * log(share / share now) over all categories.

    0 is no difference; by custom, up to 0.1 is stable and from 0.25 on something has changed. Those words know nothing of the
    number of rows: by chance alone it is about (n_categories - 1) * (1/n + 1/m). A share of 0 counts as 0.0001, or a millionth
    of the smallest other one where that is at most 0.0001. Evidently's `psi` score of a category.

    Args:
        profile: The reference.
        current: Rows of each category in the window, missing ones left out.
        weekday_rows: See `weighted_counts`.

    Returns:
        A number from 0 up, NaN where a side has no value.

    References:
        Siddiqi, "Credit risk scorecards", Wiley 2006; Yurdakul, "Statistical properties of population stability index",
        Western Michigan University 2018, on chance.
    """
    return _index(*aligned_shares(profile, current, weekday_rows))


def population_stability_index_of_numbers(
    profile: NumericProfile, current: ArrayLike, weekday_rows: ArrayLike | None = None, *, n_bins: int = BINS
) -> float:
    """Population stability index over bins of equally many reference rows, from the profile's quantiles.

    Bins of equal width, as Evidently takes them, are empty in the tails and then turn on the floor of a share of 0. So this is
    not Evidently's score of a number. A value of many rows is never parted, so there may be fewer bins.

    Args:
        profile: The reference.
        current: The window's values, shape (n_rows,); missing and infinite ones are left out. Values in rising order are taken
            as they are, without another sort.
        weekday_rows: See `weighted_counts`.
        n_bins: Bins.

    Returns:
        A number from 0 up, NaN where a side has no value.
    """
    rising, counts = as_rising(current), weighted_counts(profile, weekday_rows)
    total = counts.sum()
    if not len(rising) or total <= 0:
        return float("nan")
    reached = np.cumsum(counts) / total
    # A share that rounding puts a hair above a value's end still ends with that value.
    last = np.unique(np.searchsorted(reached, np.arange(1, n_bins) / n_bins - 1e-12))
    last = last[reached[last] < 1]
    edges = np.asarray(profile.values)[last]
    ours = np.diff(np.concatenate([[0.0], reached[last], [1.0]]))
    theirs = np.diff(np.concatenate([[0], np.searchsorted(rising, edges, side="right"), [len(rising)]])) / len(rising)
    return _index(ours, theirs)


def _index(ours: Floats, theirs: Floats) -> float:
    if not len(ours) or np.isnan(ours[0]) or np.isnan(theirs[0]):
        return float("nan")
    ours, theirs = _without_zeros(ours), _without_zeros(theirs)
    return float(np.sum((ours - theirs) * np.log(ours / theirs)))


def _without_zeros(shares: Floats) -> Floats:
    smallest = float(shares[shares > 0].min())
    return np.where(shares > 0, shares, smallest / 10**6 if smallest <= _FLOOR else _FLOOR)
