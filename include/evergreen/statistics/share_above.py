"""Is a share above its limit, beyond doubt, at any look?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.bet_mixture import log_wealth

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ALTERNATIVES = 64
"""Shares above the limit that are bet on, evenly spread by their logarithm."""


def share_above(shares: ArrayLike, counts: ArrayLike, limit: float) -> float:
    """Logarithm of the e-value against "each draw's expectation, given those before it, is at most `limit`".

    For draws of 0 and 1 it is the likelihood ratio of a share above the limit to the limit itself, averaged over such shares by
    their logarithm. Draws may be shares as well, such as the share of a second's requests that failed: then it asks nothing of
    how the requests of one second hang together.

    Args:
        shares: Different draws, each from 0 to 1, shape (n_outcomes,).
        counts: How often each was drawn, shape (n_outcomes,).
        limit: Between 0 and 1, both excluded.

    Returns:
        Natural logarithm; 0 without any draw. If the limit holds, it ever reaches log(w) with a chance of at most 1/w.

    References:
        Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 1945. Robbins, "Statistical
        methods related to the law of the iterated logarithm", 1970 (mixtures).
    """
    alternatives = limit ** ((np.arange(ALTERNATIVES) + 0.5) / ALTERNATIVES)
    stakes = (alternatives - limit) / (limit * (1 - limit))
    return log_wealth(np.asarray(shares, dtype=np.float64) - limit, counts, stakes)
