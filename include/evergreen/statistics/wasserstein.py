"""Normed Wasserstein distance: how far a number has moved, in standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.reference_counts import as_rising, weighted_counts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.reference_profile import NumericProfile
    from evergreen.statistics.rows import Floats

SMALLEST_NORM = 0.001
"""Standard deviations below this one count as this one."""


def wasserstein(profile: NumericProfile, current: ArrayLike, weekday_rows: ArrayLike | None = None) -> float:
    """Area between the two distribution functions, over the reference's standard deviation.

    The mean distance by which values have to be moved to turn one distribution into the other. 0 is no difference; a shift of
    all values by a tenth of a standard deviation is 0.1. Chance alone makes it about 1.3 * sqrt(1/n + 1/m) on equal normal
    distributions.

    For a profile that holds every value it is Evidently's `wasserstein` score (`scipy.stats.wasserstein_distance` over the
    standard deviation, at least 0.001). For run means it differs by at most the mean distance of a value from its run's mean.

    Args:
        profile: The reference.
        current: The window's values, shape (n_rows,); missing and infinite ones are left out. Values in rising order are taken
            as they are, without another sort.
        weekday_rows: See `weighted_counts`; the standard deviation stays that of the reference as it is.

    Returns:
        A number from 0 up, NaN where a side has no value.

    References:
        Vallender, "Calculation of the Wasserstein distance between probability distributions on the line", Theory of
        Probability and its Applications 1974.
    """
    rising, counts = as_rising(current), weighted_counts(profile, weekday_rows)
    total = counts.sum()
    if not len(rising) or total <= 0 or profile.mean is None or profile.standard_deviation is None:
        return float("nan")
    # Between two shares of the reference its value stands still and the window's rises, so they cross at most once there. The
    # window's quantiles summed up to each share then give the area at once, from the number of points instead of all rows.
    values = np.asarray(profile.values) - profile.mean
    ends = np.cumsum(counts) / total
    ends[-1] = 1.0
    starts = np.concatenate([[0.0], ends[:-1]])
    crossing = np.clip(np.searchsorted(rising, profile.values, side="right") / len(rising), starts, ends)
    # Less the mean: prefix sums of numbers far from 0 would lose the digits that matter.
    sums = np.empty(len(rising) + 1)
    sums[0] = 0.0
    np.cumsum(rising - profile.mean, out=sums[1:])
    sums /= len(rising)
    below, at, above = (_sum_to(share, sums) for share in (starts, crossing, ends))
    area = values * (2 * crossing - starts - ends) - 2 * at + below + above
    return float(np.maximum(area, 0.0).sum()) / max(profile.standard_deviation, SMALLEST_NORM)


def _sum_to(shares: Floats, sums: Floats) -> Floats:
    """Sum of the window's quantiles from 0 to each share: linear between one row and the next."""
    place = shares * (len(sums) - 1)
    row = np.minimum(place.astype(np.int64), len(sums) - 2)
    whole = sums[row]
    return np.asarray(whole + (place - row) * (sums[row + 1] - whole), dtype=np.float64)
