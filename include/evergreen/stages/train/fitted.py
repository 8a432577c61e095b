"""What a learner hands on, whatever it learned with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.training import Training
    from evergreen.predictors.arrays import Vector
    from evergreen.predictors.encoder import Encoder
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.search import Trial


@dataclass(frozen=True)
class Fitted:
    """A model fitted on all training rows, and how its kind did on the folds."""

    encoder: Encoder
    model_files: Mapping[str, bytes]
    """Bytes by file name, as `MODEL_FILES` wants them."""
    intercept: float
    hyper_parameters: Mapping[str, int | float | str]
    fold_scores: tuple[Vector, ...]
    """Per fold the log-odds of its test rows, said by a model that had not seen them."""
    importance: Mapping[str, float]
    """Per feature how much the model leans on it, as a share (0 to 1) of all."""
    trials: tuple[Trial[Any], ...] = ()
    learning_curve: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    """Per series: boosting rounds and the mean log loss there."""


@dataclass(frozen=True)
class ClassWeights:
    """Weight of a row by its answer."""

    no: float
    yes: float

    @classmethod
    def of(cls, label: Vector, training: Training) -> ClassWeights:
        """Return the weights for a set of labels, both answers present: 1 and 1, or such that both answers weigh the same."""
        if training.class_weight == "none":
            return cls(no=1.0, yes=1.0)
        positives = float(np.sum(label))
        return cls(no=len(label) / (2 * (len(label) - positives)), yes=len(label) / (2 * positives))

    def weigh(self, label: Vector) -> Vector:
        """Return each row's weight, shape (n_rows,)."""
        return np.where(label > 0, self.yes, self.no)

    @property
    def log_odds_shift(self) -> float:
        """How far the weights push log-odds away from the truth; subtract it to get them back.

        References:
            Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, theorem 2.
        """
        return float(np.log(self.yes / self.no))


def prior_log_odds(label: Vector) -> float:
    """Return the log-odds of the share of ones, both answers present."""
    share = float(np.mean(label))
    return float(np.log(share) - np.log1p(-share))


def weighted_log_loss(score: Vector, label: Vector, weights: ClassWeights) -> tuple[float, float]:
    """Return the summed, weighted log loss of log-odds and the summed weight, so that folds can be pooled."""
    weight = weights.weigh(label)
    # Sums, not dot products: BLAS adds in another order for another number of threads.
    return float(np.sum(weight * (np.logaddexp(0.0, score) - label * score))), float(np.sum(weight))


def pooled_loss(scores: tuple[Vector, ...] | list[Vector], folds: tuple[Fold, ...], label: Vector, training: Training) -> float:
    """Return the mean log loss over every fold's test rows, each fold weighted as its own training part says."""
    sums = [
        weighted_log_loss(score, label[fold.test], ClassWeights.of(label[fold.train], training))
        for score, fold in zip(scores, folds, strict=True)
    ]
    return sum(loss for loss, _ in sums) / sum(weight for _, weight in sums)


def as_shares(values: Mapping[str, float]) -> dict[str, float]:
    """Scale to a sum of 1, largest first; zeros stay zeros."""
    total = sum(values.values()) or 1.0
    return dict(sorted(((name, value / total) for name, value in values.items()), key=lambda item: (-item[1], item[0])))
