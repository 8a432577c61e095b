"""Brier score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.statistics.clusters import mean_by_cluster, weighted_mean
from evergreen.statistics.rows import Integers, as_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.statistics.clusters import ClusterStatistic


def brier_score(labels: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Mean squared difference of probability and label.

    0 is perfect; always saying the overall rate r gives r * (1 - r). A proper score, milder than the logarithmic loss to a
    certain and wrong answer.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        weights: Shape (n_rows,); None weighs every row 1.

    Returns:
        A number from 0 to 1, NaN without rows.

    References:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 1950.
    """
    truth, chance, weight = as_rows(labels, probabilities, weights)
    return weighted_mean((chance - truth) ** 2, weight)


def brier_score_by_cluster(labels: ArrayLike, probabilities: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare the Brier score for any number of copies of each cluster.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    truth, chance, _ = as_rows(labels, probabilities)
    return mean_by_cluster((chance - truth) ** 2, clusters)
