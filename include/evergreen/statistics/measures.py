"""The gate's metrics by name: the one list of which statistic answers to which word of a definition."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from evergreen.statistics.average_precision import average_precision, average_precision_by_cluster
from evergreen.statistics.brier_score import brier_score, brier_score_by_cluster
from evergreen.statistics.calibration_error import calibration_error, calibration_error_by_cluster
from evergreen.statistics.cost_per_row import cost_per_row, cost_per_row_by_cluster
from evergreen.statistics.log_loss import log_loss, log_loss_by_cluster
from evergreen.statistics.roc_auc import roc_auc, roc_auc_by_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from evergreen.definitions.gate import MetricName
    from evergreen.definitions.training import Costs
    from evergreen.statistics.clusters import ClusterStatistic
    from evergreen.statistics.rows import Integers

_MEASURES: dict[MetricName, Callable[..., float]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "brier_score": brier_score,
    "calibration_error": calibration_error,
    "cost_per_row": cost_per_row,
}
_BY_CLUSTER: dict[MetricName, Callable[..., ClusterStatistic]] = {
    "roc_auc": roc_auc_by_cluster,
    "average_precision": average_precision_by_cluster,
    "log_loss": log_loss_by_cluster,
    "brier_score": brier_score_by_cluster,
    "calibration_error": calibration_error_by_cluster,
    "cost_per_row": cost_per_row_by_cluster,
}


def measure(metric: MetricName, labels: ArrayLike, probabilities: ArrayLike, *, threshold: float, costs: Costs) -> float:
    """Return a metric of one model on labelled rows; see the statistic of that name.

    Args:
        metric: Name of the metric.
        labels: 0 or 1, shape (n_rows,).
        probabilities: Shape (n_rows,).
        threshold: Probability from which the model's answer is yes; only the cost per row asks.
        costs: What each kind of answer costs; only the cost per row asks.
    """
    statistic = _MEASURES[metric]
    if metric == "cost_per_row":
        statistic = partial(statistic, threshold=threshold, costs=costs)
    return statistic(labels, probabilities)


def measure_by_cluster(
    metric: MetricName, labels: ArrayLike, probabilities: ArrayLike, clusters: Integers, *, threshold: float, costs: Costs
) -> ClusterStatistic:
    """Prepare a metric of one model for resamples of clusters; arguments as in `measure`."""
    statistic = _BY_CLUSTER[metric]
    if metric == "cost_per_row":
        statistic = partial(statistic, threshold=threshold, costs=costs)
    return statistic(labels, probabilities, clusters)
