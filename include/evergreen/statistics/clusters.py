"""Statistics of resampled clusters of rows: rows of one day share their weather, so days are what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from evergreen.statistics.rows import Floats, Integers, quotient

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ClusterStatistic: TypeAlias = Callable[[Floats], Floats]
"""From how often each cluster counts, shape (n_resamples, n_clusters), to one value per resample, shape (n_resamples,).
NaN where a resample leaves the statistic undefined."""


def mean_by_cluster(losses: ArrayLike, clusters: Integers) -> ClusterStatistic:
    """Prepare the mean loss of all rows for any number of copies of each cluster.

    Args:
        losses: Loss of each row, shape (n_rows,).
        clusters: Number of each row's cluster, 0 to n_clusters - 1, shape (n_rows,).
    """
    sums = np.bincount(clusters, np.asarray(losses, dtype=np.float64))
    sizes = np.bincount(clusters).astype(np.float64)

    def mean(counts: Floats) -> Floats:
        rows = (counts * sizes).sum(axis=1)
        return quotient((counts * sums).sum(axis=1), rows)

    return mean


def weighted_mean(losses: Floats, weights: Floats) -> float:
    """Mean loss of rows with weights, NaN when nothing weighs anything."""
    total = weights.sum()
    return float(losses @ weights / total) if total > 0 else float("nan")


def remembered(statistic: ClusterStatistic) -> ClusterStatistic:
    """Return a statistic that does not compute twice for the same resamples: one model is compared with several others."""
    known: dict[bytes, Floats] = {}

    def remembering(counts: Floats) -> Floats:
        key = counts.tobytes()
        if key not in known:
            known[key] = statistic(counts)
        return known[key]

    return remembering
