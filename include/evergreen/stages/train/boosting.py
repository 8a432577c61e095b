"""Learn a gradient-boosted model: search and number of rounds on the folds, then one fit on all rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.predictors.encoder import Encoder
from evergreen.predictors.onnx_export import export_onnx
from evergreen.stages.train.fitted import ClassWeights, Fitted, as_shares, pooled_loss, prior_log_odds
from evergreen.stages.train.search import Parameters, best_trial, run_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions.training import Training
    from evergreen.predictors.arrays import Matrix, Vector
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.rows import TrainingRows

MAX_ROUNDS = 400
PATIENCE_ROUNDS = 30
"""Rounds without a better validation loss after which a trial ends. A week of odd weather makes the loss jump about while it
still falls; with 20 rounds the flights' trials ended at half of their best length."""
_CURVE_STEP_ROUNDS = 10
"""The training loss of the learning curve is measured this often."""

FIRST: Parameters = {
    "learning_rate": 0.08,
    "max_depth": 5,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5.0,
}


@dataclass
class _Run:
    """One set of hyper-parameters on every fold, grown round by round side by side."""

    rounds: int = 0
    loss: float = float("inf")
    scores: tuple[Vector, ...] = ()
    validation: list[float] = field(default_factory=list)
    training: dict[int, float] = field(default_factory=dict)


class BoostingLearner:
    """Trains on one encoded set of rows.

    Args:
        rows: Training rows.
        folds: Time-ordered folds.
        training: Section `training`.
        threads: Threads XGBoost may use; the result does not depend on it.
    """

    def __init__(self, rows: TrainingRows, folds: tuple[Fold, ...], training: Training, *, threads: int) -> None:
        self._encoder = Encoder.fit(rows.frame, rows.numeric, rows.categorical)
        self._matrix: Matrix = self._encoder.transform(rows.frame)
        self._label = rows.label
        self._folds = folds
        self._training = training
        self._threads = threads

    def learn(self) -> Fitted:
        """Search, then fit on all rows with the best trial's parameters and its number of rounds."""
        parts = [(self._quantized(fold.train), self._plain(fold.test)) for fold in self._folds]
        trials = run_search(_space(), FIRST, lambda p: self._evaluate(p, parts), self._training.search, self._training.seed)
        best = best_trial(trials)
        booster, intercept = self._fit(best.parameters, best.outcome.rounds)
        return Fitted(
            encoder=self._encoder,
            model_files={"model.ubj": bytes(booster.save_raw("ubj")), "model.onnx": export_onnx(booster)},
            intercept=intercept,
            hyper_parameters={**best.parameters, "rounds": best.outcome.rounds},
            fold_scores=tuple(
                score - ClassWeights.of(self._label[fold.train], self._training).log_odds_shift
                for score, fold in zip(best.outcome.scores, self._folds, strict=True)
            ),
            importance=self._importance(booster),
            trials=trials,
            learning_curve=_learning_curve(best.outcome),
        )

    def _evaluate(self, parameters: Parameters, parts: list[tuple[Any, Any]]) -> tuple[float, _Run]:
        import xgboost

        # All folds grow together, so that the number of rounds is one number, chosen on all of them.
        boosters = [xgboost.Booster(self._settings(parameters), cache=list(part)) for part in parts]
        run = _Run()
        for number in range(1, MAX_ROUNDS + 1):
            for booster, (train, _) in zip(boosters, parts, strict=True):
                booster.update(train, number - 1)
            scores = tuple(_margins(booster, test) for booster, (_, test) in zip(boosters, parts, strict=True))
            run.validation.append(pooled_loss(scores, self._folds, self._label, self._training))
            if number == 1 or number % _CURVE_STEP_ROUNDS == 0:
                run.training[number] = self._training_loss(boosters, parts)
            if run.validation[-1] < run.loss:
                run.rounds, run.loss, run.scores = number, run.validation[-1], scores
            elif number - run.rounds >= PATIENCE_ROUNDS:
                break
        return run.loss, run

    def _fit(self, parameters: Parameters, rounds: int) -> tuple[Any, float]:
        import xgboost

        weights = ClassWeights.of(self._label, self._training)
        whole = slice(0, len(self._label))
        booster = xgboost.train(self._settings(parameters), self._quantized(whole), num_boost_round=rounds)
        return booster, _start(self._label, weights) - weights.log_odds_shift

    def _settings(self, parameters: Parameters) -> dict[str, Any]:
        return {
            **parameters,
            "objective": "binary:logistic",
            "base_score": 0.5,  # the trees start from 0: see BoostedModel
            "tree_method": "hist",
            "device": self._training.device,
            "nthread": self._threads,
            "seed": self._training.seed,
            "seed_per_iteration": True,  # boosters that grow side by side do not draw from one stream
            "validate_parameters": True,
            "verbosity": 1,
        }

    def _quantized(self, part: slice) -> Any:
        import xgboost

        label = self._label[part]
        weights = ClassWeights.of(label, self._training)
        return xgboost.QuantileDMatrix(
            self._matrix[part],
            label,
            weight=weights.weigh(label) if self._training.class_weight == "balanced" else None,
            base_margin=np.full(len(label), _start(label, weights)),
            feature_types=self._feature_types,
            enable_categorical=True,
            nthread=self._threads,
        )

    def _plain(self, part: slice) -> Any:
        import xgboost

        before = self._label[: part.start]
        return xgboost.DMatrix(
            self._matrix[part],
            base_margin=np.full(part.stop - part.start, _start(before, ClassWeights.of(before, self._training))),
            feature_types=self._feature_types,
            enable_categorical=True,
            nthread=self._threads,
        )

    @property
    def _feature_types(self) -> list[str]:
        return ["q"] * len(self._encoder.numeric) + ["c"] * len(self._encoder.categorical)

    def _training_loss(self, boosters: list[Any], parts: list[tuple[Any, Any]]) -> float:
        """Return the unweighted mean log loss on the rows learned from, all folds together."""
        total = rows = 0.0
        for booster, (train, _), fold in zip(boosters, parts, self._folds, strict=True):
            score, label = _margins(booster, train), self._label[fold.train]
            total += float(np.sum(np.logaddexp(0.0, score) - label * score))
            rows += len(label)
        return total / rows

    def _importance(self, booster: Any) -> dict[str, float]:
        gains = booster.get_score(importance_type="total_gain")
        return as_shares({name: float(gains.get(f"f{position}", 0.0)) for position, name in enumerate(self._encoder.columns)})


def _space() -> dict[str, Any]:
    """Return the search space: sampled, penalised trees, for what happens together on a day is not independent evidence."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "learning_rate": FloatDistribution(0.07, 0.2, log=True),
        "max_depth": IntDistribution(3, 6),
        "min_child_weight": FloatDistribution(5.0, 200.0, log=True),
        "subsample": FloatDistribution(0.5, 0.9),
        "colsample_bytree": FloatDistribution(0.3, 0.8),
        "reg_lambda": FloatDistribution(1.0, 50.0, log=True),
    }


def _start(label: Vector, weights: ClassWeights) -> float:
    """Return the log-odds the trees start from: the weighted share of ones."""
    return prior_log_odds(label) + weights.log_odds_shift


def _margins(booster: Any, data: Any) -> Vector:
    return np.asarray(booster.predict(data, output_margin=True), dtype=np.float64)


def _learning_curve(run: _Run) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    return {
        "validation": (list(range(1, len(run.validation) + 1)), run.validation),
        "training": (list(run.training), list(run.training.values())),
    }
