"""From a model's log-odds to probabilities that come true as often as they say; plain data."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, TypeAdapter

from evergreen.predictors.arrays import Vector, log_odds, sigmoid
from evergreen.results import Result

_MAX_NEWTON_STEPS = 100
_SMALLEST_PROBABILITY = 1e-6
"""No finite number of rows proves an impossibility; log loss must stay finite."""


class NoCalibration(Result):
    """Scores are log-odds already."""

    method: Literal["none"] = "none"

    def apply(self, score: Vector) -> Vector:
        """Return probabilities, shape (n,)."""
        return _bounded(sigmoid(score))


class SigmoidCalibration(Result):
    """A line in log-odds: keeps the order of the scores."""

    method: Literal["sigmoid"] = "sigmoid"
    slope: float = Field(ge=0)
    intercept: float

    def apply(self, score: Vector) -> Vector:
        """Return probabilities, shape (n,)."""
        return _bounded(sigmoid(self.slope * score + self.intercept))


class IsotonicCalibration(Result):
    """A rising curve through knots, straight between them; keeps the order up to ties."""

    method: Literal["isotonic"] = "isotonic"
    scores: tuple[float, ...] = Field(min_length=1)
    probabilities: tuple[float, ...] = Field(min_length=1)

    def apply(self, score: Vector) -> Vector:
        """Return probabilities, shape (n,)."""
        return _bounded(np.interp(score, self.scores, self.probabilities))


Calibration = Annotated[NoCalibration | SigmoidCalibration | IsotonicCalibration, Field(discriminator="method")]
CALIBRATION: TypeAdapter[NoCalibration | SigmoidCalibration | IsotonicCalibration] = TypeAdapter(Calibration)


def fit_calibration(method: Literal["sigmoid", "isotonic", "none"], score: Vector, label: Vector) -> Calibration:
    """Learn a calibration from scores of rows that the model has not learned from.

    Args:
        method: How.
        score: Log-odds, shape (n,), n > 0.
        label: 0 or 1, shape (n,).

    References:
        Platt, "Probabilistic outputs for support vector machines", 1999 (sigmoid, with its smoothed targets);
        Lin, Lin and Weng, "A note on Platt's probabilistic outputs for support vector machines", 2007 (its Newton steps);
        Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", 2002 (isotonic).
    """
    if method == "none":
        return NoCalibration()
    if method == "sigmoid":
        return _fit_sigmoid(score, label)
    return _fit_isotonic(score, label)


def _fit_sigmoid(score: Vector, label: Vector) -> SigmoidCalibration:
    positives = float(np.sum(label))
    negatives = len(label) - positives
    target = np.where(label > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    flat = SigmoidCalibration(slope=0.0, intercept=float(log_odds(np.mean(target, keepdims=True))[0]))
    centre, spread = float(np.mean(score)), float(np.std(score))
    if spread == 0:
        return flat
    standard = (score - centre) / spread  # keeps the Newton system well conditioned whatever the scores' scale
    slope, intercept = _newton(standard, target, flat.intercept)
    if slope <= 0:  # worse than no model; turning the order round on the strength of one sample would be fitting noise
        return flat
    return SigmoidCalibration(slope=slope / spread, intercept=intercept - slope * centre / spread)


def _newton(score: Vector, target: Vector, intercept: float) -> tuple[float, float]:
    """Minimise the log loss of sigmoid(slope * score + intercept); halves a step that does not help."""
    slope, best = 0.0, _loss(intercept + 0.0 * score, target)
    for _ in range(_MAX_NEWTON_STEPS):
        probability = sigmoid(slope * score + intercept)
        weight = probability * (1 - probability)
        residual = probability - target
        # Sums instead of dot products: BLAS adds in another order for another number of threads.
        gradient = (float(np.sum(residual * score)), float(np.sum(residual)))
        a, b, c = float(np.sum(weight * score * score)), float(np.sum(weight * score)), float(np.sum(weight))
        determinant = a * c - b * b
        if max(abs(gradient[0]), abs(gradient[1])) < 1e-9 * len(score) or determinant <= 0:
            break
        step = ((c * gradient[0] - b * gradient[1]) / determinant, (a * gradient[1] - b * gradient[0]) / determinant)
        scale = 1.0
        while scale > 1e-10:
            loss = _loss((slope - scale * step[0]) * score + intercept - scale * step[1], target)
            if loss < best:
                break
            scale /= 2
        else:
            break
        slope, intercept, best = slope - scale * step[0], intercept - scale * step[1], loss
    return slope, intercept


def _loss(score: Vector, target: Vector) -> float:
    return float(np.sum(np.logaddexp(0.0, score) - target * score))


def _fit_isotonic(score: Vector, label: Vector) -> IsotonicCalibration:
    from sklearn.isotonic import IsotonicRegression

    # The ends of the curve rest on few rows: no probability beyond what Laplace's rule allows for the whole sample.
    lowest = 1 / (len(label) + 2)
    curve = IsotonicRegression(y_min=lowest, y_max=1 - lowest, out_of_bounds="clip").fit(score, label)
    return IsotonicCalibration(
        scores=tuple(float(value) for value in curve.X_thresholds_),
        probabilities=tuple(float(value) for value in curve.y_thresholds_),
    )


def _bounded(probability: Vector) -> Vector:
    # What np.clip does, without its overhead, which for one row is more than the rest of a calibration.
    return np.minimum(np.maximum(probability, _SMALLEST_PROBABILITY), 1 - _SMALLEST_PROBABILITY)
