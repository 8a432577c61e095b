"""Section `training`: candidates, search, calibration, costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from evergreen.definitions.words import Column, Duration, Section

CandidateName = Literal["baseline", "logistic_regression", "xgboost"]


class Search(Section):
    """Budget of the hyper-parameter search; whichever limit comes first ends it."""

    trials: int = Field(20, ge=1, le=1000)
    seconds: float | None = Field(None, gt=0)
    """Wall-clock limit. Default none: a limit in seconds makes the outcome depend on the machine's speed."""
    folds: int = Field(3, ge=1, le=10)
    """Time-ordered folds, each trained on everything before it."""
    fold: Duration = timedelta(days=7)
    """Length of one fold's test span."""


class Costs(Section):
    """What each kind of answer costs, in any one unit; sets the decision threshold."""

    false_positive: float = 1.0
    false_negative: float = 1.0
    true_positive: float = 0.0
    true_negative: float = 0.0

    @model_validator(mode="after")
    def _mistakes_cost_more(self) -> Self:
        if self.false_positive <= self.true_negative or self.false_negative <= self.true_positive:
            msg = "a mistake must cost more than the right answer: `false_positive` and `false_negative` are too low"
            raise ValueError(msg)
        return self


class Training(Section):
    """Training."""

    window: Duration | Literal["all"] = "all"
    """History to learn from, counted back from the holdout; `all` starts at the first day."""
    candidates: tuple[CandidateName, ...] = ("baseline", "logistic_regression", "xgboost")
    """What to train; the best one by validation challenges the champion. The baseline is always trained."""
    baseline_by: tuple[Column, ...] = ()
    """Features whose combination's past rate is the baseline's answer; none: the overall rate."""
    search: Search = Search()
    calibration: Literal["sigmoid", "isotonic", "none"] = "sigmoid"
    """How scores become probabilities, learned on out-of-fold scores."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` weighs the rarer class up while learning; calibration brings the probabilities back."""
    costs: Costs = Costs()
    refit: bool = False
    """Fit the promoted challenger again on all matured rows, and score that refit again before it ships."""
    seed: int = 20130101
    device: Literal["cpu", "cuda"] = "cpu"
    min_rows: int = Field(1000, ge=50)
    """Fewest labelled rows to learn from."""
