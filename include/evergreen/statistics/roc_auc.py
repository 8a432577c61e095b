"""Area under the ROC curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.rows import Floats, Integers, as_rows, quotient

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.statistics.clusters import ClusterStatistic


def roc_auc(labels: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Area under the ROC curve: the chance that a random yes is ranked above a random no, ties counting half.

    1 is perfect, 0.5 is guessing, 0 is perfectly wrong; only the order of the probabilities matters.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        weights: Shape (n_rows,); None weighs every row 1.

    Returns:
        A number from 0 to 1, NaN when one of the classes is absent.

    References:
        Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 1982.
    """
    truth, chance, weight = as_rows(labels, probabilities, weights)
    order = np.argsort(chance, kind="stable")
    truth, chance, weight = truth[order], chance[order], weight[order]
    starts = np.flatnonzero(np.r_[True, np.diff(chance) > 0])[: len(chance)]
    if not len(starts):
        return float("nan")
    yes, no = np.add.reduceat(weight * truth, starts), np.add.reduceat(weight * (1 - truth), starts)
    pairs = yes.sum() * no.sum()
    below = np.cumsum(no) - no / 2
    return float(yes @ below / pairs) if pairs > 0 else float("nan")


def roc_auc_by_cluster(labels: ArrayLike, probabilities: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare the area under the ROC curve for any number of copies of each cluster.

    The area counts won pairs of a yes and a no. Won pairs are counted once for every pair of clusters, so that a resample costs
    a product of small matrices instead of a sort of all rows.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    truth, chance, _ = as_rows(labels, probabilities)
    rising = np.argsort(chance, kind="stable")  # what is looked up in order is found several times faster
    truth, chance, clusters = truth[rising], chance[rising], clusters[rising]
    n_clusters = int(clusters.max()) + 1 if len(clusters) else 0
    yes, yes_clusters = chance[truth == 1], clusters[truth == 1]
    no, no_clusters = chance[truth == 0], clusters[truth == 0]
    positives = np.bincount(yes_clusters, minlength=n_clusters).astype(np.float64)
    negatives = np.bincount(no_clusters, minlength=n_clusters).astype(np.float64)
    wins = np.zeros((n_clusters, n_clusters))
    for cluster in range(n_clusters):
        beaten = no[no_clusters == cluster]
        won = (np.searchsorted(beaten, yes, "left") + np.searchsorted(beaten, yes, "right")) / 2
        wins[:, cluster] = np.bincount(yes_clusters, won, n_clusters)

    def area(counts: Floats) -> Floats:
        pairs = (counts @ positives) * (counts @ negatives)
        won = np.einsum("rc,cd,rd->r", counts, wins, counts, optimize=True)
        return quotient(won, pairs)

    return area
