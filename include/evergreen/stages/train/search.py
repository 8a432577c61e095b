"""Hyper-parameter search within a budget: Optuna's TPE, seeded, in memory, one line of log per trial."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from evergreen.errors import NotEnoughRowsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evergreen.definitions.training import Search

_log = logging.getLogger(__name__)

Parameters = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Trial(Generic[T]):
    """One set of hyper-parameters and how it did."""

    number: int
    parameters: Parameters
    loss: float
    """Mean validation log loss over the folds' rows; lower is better."""
    seconds: float
    outcome: T = field(repr=False)
    """Whatever the evaluation wants to keep of it."""


def run_search(
    space: Mapping[str, Any],
    first: Parameters,
    evaluate: Callable[[Parameters], tuple[float, T]],
    budget: Search,
    seed: int,
) -> tuple[Trial[T], ...]:
    """Try hyper-parameters until the budget is spent, and return the trials in order.

    With `budget.seconds` the number of trials, and so the outcome, depends on the machine's speed; without, the same inputs
    give the same trials. The trial under way when the time is up is finished.

    Args:
        space: `optuna.distributions` by parameter name.
        first: Parameters of the first trial: what one would take unasked, so that a budget of one trial gives a good model.
        evaluate: Return the loss of parameters and what to keep of it.
        budget: Trials and seconds.
        seed: Seed of the sampler.

    References:
        Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011 (TPE).
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(3, budget.trials // 3))
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.enqueue_trial(first)
    trials: list[Trial[T]] = []
    began = time.monotonic()
    for number in range(budget.trials):
        if number and budget.seconds is not None and time.monotonic() - began >= budget.seconds:
            _log.info("search ended after %d of %d trials: %g seconds are spent", number, budget.trials, budget.seconds)
            break
        asked, started = study.ask(dict(space)), time.monotonic()
        loss, outcome = evaluate(asked.params)
        finite = math.isfinite(loss)
        study.tell(asked, loss if finite else None, state=None if finite else optuna.trial.TrialState.FAIL)
        trials.append(Trial(number, dict(asked.params), loss, time.monotonic() - started, outcome))
        _say(trials, budget.trials)
    best_trial(trials)
    return tuple(trials)


def best_trial(trials: list[Trial[T]] | tuple[Trial[T], ...]) -> Trial[T]:
    """Return the trial with the lowest loss, the earliest of equals.

    Raises:
        NotEnoughRowsError: No trial has a finite loss.
    """
    finite = [trial for trial in trials if math.isfinite(trial.loss)]
    if not finite:
        raise NotEnoughRowsError(
            "no trial of the search learned anything that can be measured",
            found=f"{len(trials)} trials, none with a finite log loss",
            allowed="at least one",
            remedy="look at the features' ranges on the validation page, and at the labels",
        )
    return min(finite, key=lambda trial: (trial.loss, trial.number))


def _say(trials: list[Trial[T]], budgeted: int) -> None:
    latest = trials[-1]
    leader = min(trials, key=lambda trial: (trial.loss, trial.number))
    said = ", ".join(f"{name} {value:.4g}" for name, value in sorted(latest.parameters.items()))
    _log.info(
        "trial %d of %d: log loss %.5f (best %.5f in trial %d), %.1f s: %s",
        latest.number + 1,
        budgeted,
        latest.loss,
        leader.loss,
        leader.number + 1,
        latest.seconds,
        said,
    )
