"""What a metric will be if the probabilities hold. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.average_precision import average_precision
from evergreen.statistics.brier_score import brier_score
from evergreen.statistics.cost_per_row import cost_per_row
from evergreen.statistics.log_loss import log_loss
from evergreen.statistics.roc_auc import roc_auc

if TYPE_CHECKING:
    from evergreen.definitions.gate import MetricName
    from evergreen.stages.check_performance.measuring import Terms
    from evergreen.statistics.rows import Floats


def expected_metric(metric: MetricName, probabilities: Floats, terms: Terms) -> float:
    """Return a metric over rows each of which comes true as often as it was said to; NaN where it is not defined.

    Every row is counted twice: as one that came true, weighing its probability, and as one that did not, weighing the rest.

    Args:
        metric: Its name.
        probabilities: From 0 to 1, shape (n_rows,).
        terms: What is measured by.
    """
    labels = np.repeat([1.0, 0.0], len(probabilities))
    said, weights = np.tile(probabilities, 2), np.r_[probabilities, 1 - probabilities]
    if metric == "cost_per_row":
        return cost_per_row(labels, said, weights=weights, threshold=terms.threshold, costs=terms.costs)
    plain = {
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "log_loss": log_loss,
        "brier_score": brier_score,
    }
    return plain[metric](labels, said, weights=weights) if metric in plain else float("nan")
