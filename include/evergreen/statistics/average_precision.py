"""Average precision: the area under the precision-recall curve, by steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    rising = np.argsort(chance, kind="stable")
    truth, chance, weight = truth[rising], chance[rising], weight[rising]
    steps = np.searchsorted(chance, _steps(truth, chance), side="left")
    found = np.cumsum((weight * truth)[::-1])[::-1][steps]
    seen = np.cumsum(weight[::-1])[::-1][steps]
    return float(_average(found[None, :], seen[None, :])[0])


def average_precision_by_cluster(labels: ArrayLike, probabilities: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare average precision for any number of copies of each cluster.

    Rows at or above each step are counted once per cluster, so that a resample costs a product of small matrices instead of a
    sort of all rows.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    truth, chance, _ = as_rows(labels, probabilities)
    n_clusters = int(clusters.max()) + 1 if len(clusters) else 0
    steps = _steps(truth, chance)
    found, seen = np.zeros((n_clusters, len(steps))), np.zeros((n_clusters, len(steps)))
    for cluster in range(n_clusters):
        own = clusters == cluster
        found[cluster], seen[cluster] = _at_or_above(steps, chance[own & (truth == 1)]), _at_or_above(steps, chance[own])
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(steps)))

    def precision(counts: Floats) -> Floats:
        starts = range(0, len(counts), at_once)
        blocks = [counts[start : start + at_once] for start in starts]
        return np.concatenate([_average(block @ found, block @ seen) for block in blocks])

    return precision


def _steps(truth: Floats, chance: Floats) -> Floats:
    """Return the probabilities at which yes rows are found, from the highest down."""
    return np.unique(chance[truth == 1])[::-1]


def _at_or_above(steps: Floats, chance: Floats) -> Integers:
    return len(chance) - np.searchsorted(np.sort(chance), steps, side="left")


def _average(found: Floats, seen: Floats) -> Floats:
    """Average precision of resamples from the weight of yes rows and of all rows at or above each step."""
    if not found.shape[1]:
        return np.full(len(found), np.nan)
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    gains = (np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1)
    return quotient(gains, found[:, -1])
