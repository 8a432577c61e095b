"""Logarithmic loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.clusters import mean_by_cluster, weighted_mean
from evergreen.statistics.rows import Floats, Integers, as_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.statistics.clusters import ClusterStatistic

_SMALLEST = float(np.finfo(np.float64).eps)


def log_loss(labels: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Mean of -log(probability given to what happened), in nats.

    0 is perfect; always saying the overall rate gives its entropy. It is a proper score: it rewards both ranking and honest
    probabilities. Probabilities of 0 and 1 are moved inwards by 2.2e-16, so that a certain and wrong answer costs 36.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        weights: Shape (n_rows,); None weighs every row 1.

    Returns:
        A number from 0 up, NaN without rows.

    References:
        Good, "Rational decisions", Journal of the Royal Statistical Society B 1952.
    """
    truth, chance, weight = as_rows(labels, probabilities, weights)
    return weighted_mean(_losses(truth, chance), weight)


def log_loss_by_cluster(labels: ArrayLike, probabilities: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare the logarithmic loss for any number of copies of each cluster.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    truth, chance, _ = as_rows(labels, probabilities)
    return mean_by_cluster(_losses(truth, chance), clusters)


def clipped(chance: Floats) -> Floats:
    """Return probabilities moved inwards from 0 and 1 by 2.2e-16, shape (n_rows,)."""
    return np.clip(chance, _SMALLEST, 1 - _SMALLEST)


def _losses(truth: Floats, chance: Floats) -> Floats:
    inner = clipped(chance)
    return -np.log(np.where(truth == 1, inner, 1 - inner))
