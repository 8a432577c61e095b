"""A quick refit: one set of hyper-parameters, no search; calibrated on the newest part of what it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from evergreen.predictors.calibration import Calibration, NoCalibration, fit_calibration
from evergreen.predictors.encoder import Encoder
from evergreen.predictors.logistic import fit_logistic, prepare_logistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from evergreen.definitions.training import Training
    from evergreen.predictors.arrays import Matrix, Vector

BOOSTING: dict[str, float] = {
    "learning_rate": 0.08,
    "max_depth": 5,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5.0,
    "rounds": 150,
}
"""Where the champion is no boosted model: ordinary values that need no search to be near their best."""
MOST_ROUNDS = 150
"""A champion of more rounds is refitted in as many, each step larger in proportion: quick, if anything a little worse."""
_LARGEST_STEP = 0.3
INVERSE_PENALTY = 0.1
CALIBRATION_SHARE = 0.2
"""Share of the newest rows that the calibration is learned on, by a model that has not seen them."""
MIN_CLASS_ROWS = 10
"""Fewest rows of either answer; with fewer, no fit and no calibration says anything."""


@dataclass(frozen=True)
class Recipe:
    """What is fitted, and with which hyper-parameters."""

    algorithm: Literal["xgboost", "logistic_regression"]
    parameters: Mapping[str, float]


class _Scorer(Protocol):
    def score(self, matrix: Matrix) -> Vector: ...


def choose_recipe(algorithm: str, hyper_parameters: Mapping[str, int | float | str], training: Training) -> Recipe:
    """Return how to refit: as the champion was fitted, so that only what was learned from differs.

    A baseline is refitted as the strongest kind that a training would try.

    Args:
        algorithm: The champion's, by its manifest.
        hyper_parameters: The champion's, by its manifest.
        training: Section `training`.
    """
    own = {name: float(value) for name, value in hyper_parameters.items() if isinstance(value, (int, float))}
    if algorithm == "logistic_regression" or (algorithm == "baseline" and "xgboost" not in training.candidates):
        return Recipe("logistic_regression", {"inverse_penalty": own.get("inverse_penalty", INVERSE_PENALTY)})
    parameters = {name: own.get(name, usual) for name, usual in BOOSTING.items()}
    longer = parameters["rounds"] / MOST_ROUNDS
    if longer > 1:
        step = max(parameters["learning_rate"], min(parameters["learning_rate"] * longer, _LARGEST_STEP))
        parameters |= {"rounds": MOST_ROUNDS, "learning_rate": step}
    return Recipe("xgboost", parameters)


def refit_probabilities(
    train: pd.DataFrame,
    asked: pd.DataFrame,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    recipe: Recipe,
    training: Training,
    threads: int,
) -> Vector | None:
    """Learn from some rows and answer others.

    Args:
        train: Rows in the order of their event times, with features, `_day` and `_label`.
        asked: Rows with the same features.
        numeric: Numeric features.
        categorical: Categorical features.
        recipe: What to fit.
        training: Section `training`: fewest rows, class weights, calibration, seed.
        threads: Threads XGBoost may use; the answers do not depend on it.

    Returns:
        Calibrated probabilities, shape (n_asked,); None when there is too little to learn from.
    """
    label = train["_label"].to_numpy(dtype=np.float64)
    if len(label) < training.min_rows or not _both_answers(label):
        return None
    encoder = Encoder.fit(train, numeric, categorical)
    matrix = encoder.transform(train)
    fit = _Fit(encoder, recipe, training, threads)
    calibration = _calibrate(fit, matrix, label, _cut(train))
    return calibration.apply(fit.learn(matrix, label).score(encoder.transform(asked)))


@dataclass(frozen=True)
class _Fit:
    encoder: Encoder
    recipe: Recipe
    training: Training
    threads: int

    def learn(self, matrix: Matrix, label: Vector) -> _Scorer:
        """Return a model whose score is in log-odds, whatever the class weights."""
        if self.recipe.algorithm == "xgboost":
            return self._boost(matrix, label)
        weight, shift = self._weigh(label)
        prepared = prepare_logistic(self.encoder, matrix)
        penalty = self.recipe.parameters["inverse_penalty"]
        model = fit_logistic(prepared, prepared.design(matrix), label, weight, inverse_penalty=penalty)
        return model.with_intercept(model.intercept - shift)

    def _boost(self, matrix: Matrix, label: Vector) -> _Boosted:
        import xgboost

        weight, shift = self._weigh(label)
        share = float(np.mean(label))
        start = float(np.log(share) - np.log1p(-share)) + shift
        rows = xgboost.QuantileDMatrix(
            matrix,
            label,
            weight=weight,
            base_margin=np.full(len(label), start),
            feature_types=["q"] * len(self.encoder.numeric) + ["c"] * len(self.encoder.categorical),
            enable_categorical=True,
            nthread=self.threads,
        )
        parameters: dict[str, Any] = {
            **self.recipe.parameters,
            "max_depth": int(self.recipe.parameters["max_depth"]),
            "objective": "binary:logistic",
            "base_score": 0.5,
            "tree_method": "hist",
            "device": self.training.device,
            "nthread": self.threads,
            "seed": self.training.seed,
            "seed_per_iteration": True,
            "verbosity": 1,
        }
        rounds = int(parameters.pop("rounds"))
        return _Boosted(xgboost.train(parameters, rows, num_boost_round=rounds), start - shift)

    def _weigh(self, label: Vector) -> tuple[Vector, float]:
        """Return each row's weight and how far the weights push log-odds away from the truth."""
        if self.training.class_weight == "none":
            return np.ones(len(label)), 0.0
        odds = float(np.sum(label)) / float(len(label) - np.sum(label))
        no, yes = (1 + odds) / 2, (1 + 1 / odds) / 2
        return np.where(label > 0, yes, no), float(np.log(yes / no))


@dataclass(frozen=True)
class _Boosted:
    booster: Any
    intercept: float

    def score(self, matrix: Matrix) -> Vector:
        margins = self.booster.inplace_predict(matrix, predict_type="margin", validate_features=False)
        return np.asarray(margins, dtype=np.float64).reshape(len(matrix)) + self.intercept


def _calibrate(fit: _Fit, matrix: Matrix, label: Vector, cut: int) -> Calibration:
    """Learn a calibration on the rows from `cut` on, scored by a model of the rows before."""
    if not (_both_answers(label[:cut]) and _both_answers(label[cut:])):
        return NoCalibration()
    scores = fit.learn(matrix[:cut], label[:cut]).score(matrix[cut:])
    return fit_calibration(fit.training.calibration, scores, label[cut:])


def _cut(train: pd.DataFrame) -> int:
    """Return where the newest part begins: between two days."""
    days = train["_day"].to_numpy()
    position = int(len(days) * (1 - CALIBRATION_SHARE))
    return int(np.argmax(days == days[position]))


def _both_answers(label: Vector) -> bool:
    positives = float(np.sum(label))
    return min(positives, len(label) - positives) >= MIN_CLASS_ROWS
