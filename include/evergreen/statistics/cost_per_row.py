"""Mean cost of the decisions taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.clusters import mean_by_cluster, weighted_mean
from evergreen.statistics.rows import Floats, Integers, as_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.definitions.training import Costs
    from evergreen.statistics.clusters import ClusterStatistic


def cost_per_row(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    threshold: float,
    costs: Costs,
) -> float:
    """Mean cost of answering yes from `threshold` on, in the unit of the cost matrix; lower is better.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        weights: Shape (n_rows,); None weighs every row 1.
        threshold: Probability from which the answer is yes.
        costs: What each kind of answer costs.

    Returns:
        A number between the cheapest and the dearest entry of the cost matrix, NaN without rows.

    References:
        Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
    """
    truth, chance, weight = as_rows(labels, probabilities, weights)
    return weighted_mean(_costs(truth, chance, threshold, costs), weight)


def cost_per_row_by_cluster(
    labels: ArrayLike, probabilities: ArrayLike, clusters: Integers, *, threshold: float, costs: Costs
) -> ClusterStatistic:
    """Prepare the cost per row for any number of copies of each cluster.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
        threshold: Probability from which the answer is yes.
        costs: What each kind of answer costs.
    """
    truth, chance, _ = as_rows(labels, probabilities)
    return mean_by_cluster(_costs(truth, chance, threshold, costs), clusters)


def _costs(truth: Floats, chance: Floats, threshold: float, costs: Costs) -> Floats:
    said_yes = chance >= threshold
    of_yes = np.where(said_yes, costs.true_positive, costs.false_negative)
    of_no = np.where(said_yes, costs.false_positive, costs.true_negative)
    return np.where(truth == 1, of_yes, of_no)
