"""Average precision: the area under the precision-recall curve, by steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.clusters import rows_of_clusters
from evergreen.statistics.rows import Floats, Integers, as_rows, quotient

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.statistics.clusters import ClusterStatistic

_CELLS_AT_ONCE = 4_000_000
"""Resampled rows held in memory at a time: 32 MB an array."""


def average_precision(labels: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Precision averaged over the yes rows found, from the highest probability down; equal probabilities are one step.

    1 is perfect; guessing gives the share of yes rows. Unlike the ROC curve it looks at the top of the list, which matters
    where yes is rare.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        weights: Shape (n_rows,); None weighs every row 1.

    Returns:
        A number from 0 to 1, NaN without a yes.

    References:
        Zhu, "Recall, precision and average precision", University of Waterloo 2004.
    """
    truth, chance, weight = as_rows(labels, probabilities, weights)
    order = np.argsort(chance, kind="stable")[::-1]
    ends = _step_ends(chance[order])
    return float(_steps((weight * truth)[order][None, :], weight[order][None, :], ends)[0])


def average_precision_by_cluster(labels: ArrayLike, probabilities: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare average precision for any number of copies of each cluster; rows are sorted once, a resample costs O(n_rows).

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    rising = rows_of_clusters(labels, probabilities, clusters)
    truth, chance, cluster = rising[0][::-1], rising[1][::-1], rising[2][::-1]
    ends = _step_ends(chance)
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(truth)))

    def precision(counts: Floats) -> Floats:
        blocks = []
        for start in range(0, len(counts), at_once):
            weights = counts[start : start + at_once][:, cluster]
            blocks.append(_steps(weights * truth, weights, ends))
        return np.concatenate(blocks)

    return precision


def _step_ends(falling: Floats) -> Integers:
    """Return the last position of each run of equal probabilities."""
    return np.flatnonzero(np.r_[np.diff(falling) != 0, True][: len(falling)])


def _steps(yes_weights: Floats, weights: Floats, ends: Integers) -> Floats:
    if not len(ends):
        return np.full(len(weights), np.nan)
    found, seen = np.cumsum(yes_weights, axis=1)[:, ends], np.cumsum(weights, axis=1)[:, ends]
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    gains = (np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1)
    total = found[:, -1]
    return quotient(gains, total)
