"""Do two models put rows in the same order, or in less of it than is asked for, beyond doubt, at any look?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.bet_mixture import log_wealth

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

GROUP = 6
"""Draws that are compared with each other, and with no others.

Where no order is left, groups of two take twice as many draws for the same answer, groups of sixteen half as many more.
"""
_PAIRS = GROUP * (GROUP - 1) // 2
_STAKES = np.geomspace(0.1, 0.98, 16)
"""Stakes, as parts of the largest that is possible."""


def count_pairs(first: ArrayLike, second: ArrayLike) -> NDArray[np.int64]:
    """Count pairs that two models put in the same order and in opposite orders, within groups of six draws.

    A draw belongs to one group, so groups are independent where draws are. A pair to which either model says the same value
    twice is neither.

    Args:
        first: What one model says, shape (n_draws,), in the order in which it was said.
        second: What the other says of the same, shape (n_draws,).

    Returns:
        Per complete group the pairs in the same and in opposite orders, shape (n_draws // 6, 2).
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    groups = len(one) // GROUP
    low, high = np.triu_indices(GROUP, 1)
    one, other = (values[: groups * GROUP].reshape(groups, GROUP) for values in (one, other))
    orders = np.sign(one[:, high] - one[:, low]) * np.sign(other[:, high] - other[:, low])
    return np.stack([(orders > 0).sum(axis=1), (orders < 0).sum(axis=1)], axis=1).astype(np.int64)


def agreement_below(concordant: ArrayLike, discordant: ArrayLike, counts: ArrayLike, limit: float) -> float:
    """Logarithm of the e-value against "the rank agreement is at least `limit`".

    Rank agreement is Kendall's tau without ties (Goodman and Kruskal's gamma): of pairs that both models put in an order, the
    share in the same order less the share in opposite orders; 1 is best. By chance a group's opposite pairs are at most
    (1 - limit) / 2 of its ordered ones, on average, whatever the models say.

    Args:
        concordant: Pairs of a group in the same order, from 0 to 15, shape (n_outcomes,).
        discordant: Pairs of a group in opposite orders, shape (n_outcomes,).
        counts: Groups with these numbers, shape (n_outcomes,).
        limit: Between -1 and 1, both excluded.

    Returns:
        Natural logarithm; 0 without any group. If the limit holds, it ever reaches log(w) with a chance of at most 1/w, where
        draws are independent and alike within a group.

    References:
        Goodman and Kruskal, "Measures of association for cross classifications", JASA 1954.
    """
    same, opposite = np.asarray(concordant, dtype=np.float64), np.asarray(discordant, dtype=np.float64)
    gains = (limit * (same + opposite) - (same - opposite)) / _PAIRS
    return log_wealth(gains, counts, _STAKES / (1 - limit))
