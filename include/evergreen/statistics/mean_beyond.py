"""Is the mean of differences between -1 and 1 beyond its limit, up or down, beyond doubt, at any look?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.bet_mixture import log_wealth

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_STAKES = np.geomspace(0.05, 0.98, 16)
"""Stakes, as parts of the largest that is possible."""


def mean_beyond(lowest: ArrayLike, highest: ArrayLike, counts: ArrayLike, limit: float) -> float:
    """Logarithm of the e-value against "each difference's expectation, given those before it, lies within ±`limit`".

    Half of it bets on a mean above `limit`, half on one below -`limit`. It asks nothing of the differences but their bounds.
    Differences may be known up to a bin: a bet on a high mean takes the bin's lower end, one on a low mean its upper end, so
    that binning only makes it more cautious.

    Args:
        lowest: Lower end of each bin, from -1 to 1, shape (n_bins,).
        highest: Upper end of each bin, from -1 to 1, shape (n_bins,).
        counts: Differences in each bin, shape (n_bins,).
        limit: From 0 to 1, 1 excluded.

    Returns:
        Natural logarithm; 0 without any draw. If the limit holds, it ever reaches log(w) with a chance of at most 1/w.

    References:
        Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024.
    """
    stakes = _STAKES / (1 + limit)
    up = log_wealth(np.asarray(lowest, dtype=np.float64) - limit, counts, stakes)
    down = log_wealth(-np.asarray(highest, dtype=np.float64) - limit, counts, stakes)
    return float(np.logaddexp(up, down)) - math.log(2)
