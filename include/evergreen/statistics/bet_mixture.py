"""Evidence against a limit as the money that bets against it have made: valid at every look, however often one looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def log_wealth(gains: ArrayLike, counts: ArrayLike, stakes: ArrayLike) -> float:
    """Logarithm of what 1 has become that was split evenly over several stakes.

    A stake s turns 1 into the product of 1 + s·gain over all draws. Where every gain's expectation, given the draws before it,
    is at most 0, the wealth is a supermartingale that begins with 1: it ever reaches w with a chance of at most 1/w, whenever
    and however often one looks (Ville). So exp of the result is an e-value. It does not depend on the order of the draws.

    Args:
        gains: Different outcomes, shape (n_outcomes,).
        counts: How often each was drawn, shape (n_outcomes,).
        stakes: Each above 0, and such that 1 + stake·gain is above 0 for every gain that is possible, shape (n_stakes,).

    Returns:
        Natural logarithm; 0 without any draw.

    References:
        Ville, "Étude critique de la notion de collectif", 1939. Waudby-Smith and Ramdas, "Estimating means of bounded random
        variables by betting", JRSS B 2024.
    """
    each: NDArray[np.float64] = np.asarray(gains, dtype=np.float64)
    if not each.size:
        return 0.0
    stake = np.asarray(stakes, dtype=np.float64)
    logs = np.log1p(np.outer(stake, each)) @ np.asarray(counts, dtype=np.float64)
    highest = float(logs.max())
    return highest + float(np.log(np.mean(np.exp(logs - highest))))
