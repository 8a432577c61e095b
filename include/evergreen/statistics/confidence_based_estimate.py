"""Confidence-based estimate: what a metric will be once labels are there, from calibrated probabilities alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.log_loss import clipped
from evergreen.statistics.rows import as_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from evergreen.definitions.gate import MetricName
    from evergreen.definitions.training import Costs
    from evergreen.statistics.rows import Floats, Integers


@dataclass(frozen=True)
class Estimate:
    """A metric as it is to be expected."""

    value: float
    """NaN without rows, or where the metric is undefined."""
    standard_error: float
    """How far the metric of these very rows will be from `value` by chance, if each label is independent given its
    probability. Wrong probabilities are no part of it, nor are days on which all labels err the same way."""


def confidence_based_estimate(
    metric: MetricName, probabilities: ArrayLike, *, threshold: float, costs: Costs
) -> Estimate | None:
    """Expected value of a metric if every probability p comes true with chance p.

    It sees what a change of the rows does to the metric, and nothing else. Where the model is no longer right about the same
    rows (concept drift), or was never calibrated, the estimate is wrong and cannot know it: a model that is twice as sure as it
    should be is estimated to be better than it is. So it may warn, but it is no measurement.

    Means over rows (log loss, Brier score, cost) are unbiased. Areas are a ratio of expectations: biased by less than
    1 / n_positives.

    Args:
        metric: Name of the metric.
        probabilities: 0 to 1, shape (n_rows,).
        threshold: Probability from which the model's answer is yes; only the cost per row asks.
        costs: What each kind of answer costs; only the cost per row asks.

    Returns:
        The estimate; None for the calibration error, which is 0 by assumption.

    Raises:
        RequestError: A probability is missing or out of range.

    References:
        Guillory et al., "Predicting with confidence on unseen distributions", ICCV 2021; NannyML, "Confidence-based performance
        estimation", documentation; Bialek et al., "Estimating model performance under covariate shift without labels", 2024.
    """
    if metric == "calibration_error":
        return None
    chance = _as_chances(probabilities)
    if metric == "roc_auc":
        return _roc_auc(np.sort(chance))
    if metric == "average_precision":
        return _average_precision(np.sort(chance))
    if metric == "log_loss":
        inner = clipped(chance)
        return _mean(chance, -np.log(inner), -np.log(1 - inner))
    if metric == "brier_score":
        return _mean(chance, (1 - chance) ** 2, chance**2)
    said_yes = chance >= threshold
    return _mean(
        chance,
        np.where(said_yes, costs.true_positive, costs.false_negative),
        np.where(said_yes, costs.false_positive, costs.true_negative),
    )


def estimated_positive_share(probabilities: ArrayLike) -> Estimate:
    """Expected share of yes among the labels; assumptions and errors as in `confidence_based_estimate`.

    Args:
        probabilities: 0 to 1, shape (n_rows,).
    """
    chance = _as_chances(probabilities)
    return _mean(chance, np.ones_like(chance), np.zeros_like(chance))


def _as_chances(probabilities: ArrayLike) -> Floats:
    chance = np.asarray(probabilities, dtype=np.float64)
    return as_rows(np.zeros_like(chance), chance)[1]


def _mean(chance: Floats, if_yes: Floats, if_no: Floats) -> Estimate:
    """Expect the mean of a loss that each row has if its label is yes, and another if it is no."""
    if not len(chance):
        return Estimate(float("nan"), float("nan"))
    value = float(np.mean(chance * if_yes + (1 - chance) * if_no))
    return Estimate(value, _standard_error(chance, (if_yes - if_no) / len(chance)))


def _standard_error(chance: Floats, per_label: Floats) -> float:
    """Spread of a metric that changes by `per_label` when the label of a row turns from no to yes."""
    return sqrt(float(np.sum(chance * (1 - chance) * per_label**2)))


def _roc_auc(rising: Floats) -> Estimate:
    """Expect won pairs over pairs; a row makes no pair with itself."""
    first, after = _ties(rising)
    yes, no = np.append(0.0, np.cumsum(rising)), np.append(0.0, np.cumsum(1 - rising))
    own = rising * (1 - rising)
    beaten = (no[first] + no[after]) / 2
    winning = yes[-1] - (yes[first] + yes[after]) / 2
    pairs = yes[-1] * no[-1] - own.sum()
    if not len(rising) or pairs <= 0:
        return Estimate(float("nan"), float("nan"))
    # Of its own tie a row is a half, which is no pair.
    value = float(rising @ beaten - own.sum() / 2) / pairs
    per_label = (beaten - winning - (1 - 2 * rising) / 2 - value * (no[-1] - yes[-1] - (1 - 2 * rising))) / pairs
    return Estimate(value, _standard_error(rising, per_label))


def _average_precision(rising: Floats) -> Estimate:
    """Expect the precision at each row, given that it is a yes, over all yes rows."""
    first, after = _ties(rising)
    yes = np.append(0.0, np.cumsum(rising))
    if yes[-1] <= 0:
        return Estimate(float("nan"), float("nan"))
    seen = len(rising) - first
    precision = (yes[-1] - yes[first] - rising + 1) / seen
    value = float(rising @ precision) / float(yes[-1])
    # A yes also raises the precision at every row below it and of its own tie.
    raised = np.append(0.0, np.cumsum(rising / seen))
    per_label = (precision + raised[after] - rising / seen - value) / float(yes[-1])
    return Estimate(value, _standard_error(rising, per_label))


def _ties(rising: Floats) -> tuple[Integers, Integers]:
    """Positions of the first row of each row's tie, and of the first row after it."""
    return np.searchsorted(rising, rising, side="left"), np.searchsorted(rising, rising, side="right")
