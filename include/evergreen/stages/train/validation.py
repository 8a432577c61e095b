"""How a candidate did on its folds, with a calibration that had not seen the fold either."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from evergreen.definitions.gate import MetricName
from evergreen.predictors.calibration import Calibration, NoCalibration, fit_calibration
from evergreen.predictors.threshold import decision_threshold
from evergreen.statistics.measures import measure

if TYPE_CHECKING:
    from typing import Literal

    from evergreen.definitions.training import Costs
    from evergreen.predictors.arrays import Vector

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Validation:
    """Out-of-fold answers, all folds together, oldest first."""

    label: Vector
    """0 or 1, shape (n_rows,)."""
    probability: Vector
    """Calibrated on the other folds, shape (n_rows,)."""
    calibration: Calibration
    """Learned on all folds: the one that ships."""

    def metrics(self, costs: Costs) -> dict[str, float]:
        """Return every metric by name; one that these rows leave undefined is left out, which no gate may take for good."""
        threshold = decision_threshold(costs)
        values = {
            name: measure(name, self.label, self.probability, threshold=threshold, costs=costs) for name in get_args(MetricName)
        }
        return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def validate_candidate(
    fold_scores: tuple[Vector, ...], fold_labels: tuple[Vector, ...], method: Literal["sigmoid", "isotonic", "none"]
) -> Validation:
    """Calibrate on all folds' scores; for the figures, judge each fold by a calibration learned on the others.

    Args:
        fold_scores: Per fold log-odds of rows the model had not seen, each of shape (n_fold_rows,).
        fold_labels: Their labels.
        method: How to calibrate.
    """
    score, label = np.concatenate(fold_scores), np.concatenate(fold_labels)
    if label.min() == label.max():
        _log.warning("every row of the folds has the same label: scores are taken as they are, nothing can be calibrated")
        return Validation(label, NoCalibration().apply(score), NoCalibration())
    calibration = fit_calibration(method, score, label)
    if len(fold_scores) == 1:  # nothing else to learn from; two numbers learned from thousands of rows flatter little
        return Validation(label, calibration.apply(score), calibration)
    answers = []
    for left_out, own in enumerate(fold_scores):
        others = [position for position in range(len(fold_scores)) if position != left_out]
        elsewhere = fit_calibration(
            method, np.concatenate([fold_scores[p] for p in others]), np.concatenate([fold_labels[p] for p in others])
        )
        answers.append(elsewhere.apply(own))
    return Validation(label, np.concatenate(answers), calibration)
