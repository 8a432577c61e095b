"""Two models on the same rows: by how much one is better, with bounds that know that rows of one day resemble each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evergreen.measurement import direction
from evergreen.statistics.clusters import remembered
from evergreen.statistics.measures import measure_by_cluster
from evergreen.statistics.paired_cluster_bootstrap import Interval, paired_cluster_bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from evergreen.definitions.gate import Gate
    from evergreen.definitions.training import Costs
    from evergreen.statistics.clusters import ClusterStatistic
    from evergreen.statistics.rows import Floats


class Answered(NamedTuple):
    """What one model said."""

    probability: Floats
    """Shape (n_rows,)."""
    threshold: float
    """Probability from which it says yes; only the cost per row asks."""


class PairedMeasures(NamedTuple):
    """The gate's primary metric of both, and their difference; NaN where it is undefined."""

    first: float
    second: float
    improvement: Interval
    """Of the second over the first; positive is better, whatever the metric's direction."""


def paired_measures(
    label: Floats,
    days: Sequence[date],
    first: Answered,
    second: Answered,
    *,
    gate: Gate,
    costs: Costs,
    confidence: float,
) -> PairedMeasures:
    """Measure by how much a second model is better than a first, resampled by day.

    Args:
        label: 0 or 1, shape (n_rows,), at least one row.
        days: Day of each row, in any order.
        first: What the first one said.
        second: What the second one said.
        gate: Names the metric, resamples and seed.
        costs: Of wrong answers, for the metric that asks.
        confidence: One-sided, of either bound.
    """
    distinct, clusters = np.unique(np.asarray(days, dtype=object), return_inverse=True)

    def prepare(answered: Answered) -> ClusterStatistic:
        rows = (label, answered.probability, clusters.astype(np.int64))
        return remembered(measure_by_cluster(gate.primary.metric, *rows, threshold=answered.threshold, costs=costs))

    one, other = prepare(first), prepare(second)
    sign, once = direction(gate.primary.metric), np.ones((1, len(distinct)))

    def improvement(counts: Floats) -> Floats:
        return sign * (other(counts) - one(counts))

    interval = paired_cluster_bootstrap(
        improvement, len(distinct), confidence=confidence, resamples=gate.resamples, seed=gate.seed
    )
    return PairedMeasures(float(one(once)[0]), float(other(once)[0]), interval)
