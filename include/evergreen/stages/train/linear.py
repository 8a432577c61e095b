"""Learn a logistic regression: one strength of penalty, searched on the folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.predictors.encoder import Encoder
from evergreen.predictors.logistic import LogisticModel, fit_logistic, prepare_logistic
from evergreen.stages.train.fitted import ClassWeights, Fitted, as_shares, pooled_loss
from evergreen.stages.train.search import Parameters, best_trial, run_search

if TYPE_CHECKING:
    from evergreen.definitions.training import Training
    from evergreen.predictors.arrays import Matrix, Vector
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.rows import TrainingRows

FIRST: Parameters = {"inverse_penalty": 0.1}
MAX_TRIALS = 8
"""One parameter needs no more, whatever the budget."""


def learn_linear(rows: TrainingRows, folds: tuple[Fold, ...], training: Training) -> Fitted:
    """Search, then fit on all rows."""
    from optuna.distributions import FloatDistribution

    encoder = Encoder.fit(rows.frame, rows.numeric, rows.categorical)
    matrix, label = encoder.transform(rows.frame), rows.label
    prepared = [prepare_logistic(encoder, matrix[fold.train]) for fold in folds]
    designs = [model.design(matrix[fold.train]) for model, fold in zip(prepared, folds, strict=True)]

    def evaluate(parameters: Parameters) -> tuple[float, tuple[Vector, ...]]:
        scores = []
        for model, design, fold in zip(prepared, designs, folds, strict=True):
            fitted = _fit(model, design, label[fold.train], training, parameters)
            scores.append(fitted.score(matrix[fold.test]))
        return pooled_loss(scores, folds, label, training), tuple(scores)

    space = {"inverse_penalty": FloatDistribution(1e-4, 10.0, log=True)}
    budget = training.search.model_copy(update={"trials": min(training.search.trials, MAX_TRIALS)})
    trials = run_search(space, FIRST, evaluate, budget, training.seed)
    best = best_trial(trials)
    start = prepare_logistic(encoder, matrix)
    model = _fit(start, start.design(matrix), label, training, best.parameters)
    shift = ClassWeights.of(label, training).log_odds_shift
    shifts = [ClassWeights.of(label[fold.train], training).log_odds_shift for fold in folds]
    return Fitted(
        encoder=encoder,
        model_files={"model.json": model.with_intercept(model.intercept - shift).to_bytes()},
        intercept=0.0,
        hyper_parameters=best.parameters,
        fold_scores=tuple(score - shift for score, shift in zip(best.outcome, shifts, strict=True)),
        importance=_importance(model, matrix),
        trials=trials,
    )


def _fit(prepared: LogisticModel, design: Any, label: Vector, training: Training, parameters: Parameters) -> LogisticModel:
    weight = ClassWeights.of(label, training).weigh(label)
    return fit_logistic(prepared, design, label, weight, inverse_penalty=parameters["inverse_penalty"])


def _importance(model: LogisticModel, matrix: Matrix) -> dict[str, float]:
    """Return how much each feature's term spreads the log-odds over the training rows, as shares."""
    names = [*(number.column for number in model.numeric), *(category.column for category in model.categorical)]
    spreads = [float(np.std(term)) for term in model.contributions(matrix)]
    return as_shares(dict(zip(names, spreads, strict=True)))
