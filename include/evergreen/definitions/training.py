"""Section `training`: candidates, search, calibration, costs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Column, Duration, Section, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

CandidateName = Literal["baseline", "logistic_regression", "xgboost"]


class Search(Section):
    """Budget of the hyper-parameter search; whichever limit comes first ends it."""

    trials: int = Field(20, ge=1, le=1000)
    """Most hyper-parameter sets tried."""
    seconds: float | None = Field(None, gt=0)
    """Wall-clock limit. Default none: a limit in seconds makes the outcome depend on the machine's speed."""
    folds: int = Field(3, ge=1, le=10)
    """Time-ordered folds, each trained on everything before it."""
    fold: Duration = timedelta(days=7)
    """Length of one fold's test span."""


class Costs(Section):
    """What each kind of answer costs, in any one unit; sets the decision threshold."""

    false_positive: float = 1.0
    """Said yes, was no."""
    false_negative: float = 1.0
    """Said no, was yes."""
    true_positive: float = 0.0
    """Said yes, was yes."""
    true_negative: float = 0.0
    """Said no, was no."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a mistake that costs no more than the right answer would have."""
        for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
            if getattr(self, wrong) <= getattr(self, right):
                yield Mistake(
                    (wrong,),
                    f"a mistake that costs no more than `{right}`",
                    spell(getattr(self, wrong)),
                    f"more than {getattr(self, right)}",
                    rests_on=((right,),),
                )


class Training(Section):
    """What is trained, on which history, within which budget."""

    window: Duration | Literal["all"] = "all"
    """History to learn from, counted back from the holdout; `all` starts at the first day."""
    candidates: tuple[CandidateName, ...] = ("baseline", "logistic_regression", "xgboost")
    """What to train; the best one by validation challenges the champion. The baseline is always trained."""
    baseline_by: tuple[Column, ...] = ()
    """Features whose combination's past rate is the baseline's answer; none: the overall rate."""
    search: Search = Search()
    """Budget of the hyper-parameter search."""
    calibration: Literal["sigmoid", "isotonic", "none"] = "sigmoid"
    """How scores become probabilities, learned on out-of-fold scores."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` weighs the rarer class up while learning; calibration brings the probabilities back."""
    costs: Costs = Costs()
    """What each kind of answer costs."""
    seed: int = 20130101
    """Where every random choice begins."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where XGBoost trains."""
    min_rows: int = Field(1000, ge=50)
    """Fewest labelled rows to learn from."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield candidates named twice, and folds that leave a limited window nothing to learn from."""
        for index, name in enumerate(self.candidates):
            if name in self.candidates[:index]:
                yield Mistake(("candidates", index), "a candidate is named twice", spell(name), "each candidate once")
        needed = self.search.folds * self.search.fold
        if isinstance(self.window, timedelta) and self.window <= needed:
            yield Mistake(
                ("window",),
                "the window is used up by the folds",
                spell(format_duration(self.window)),
                f"more than {self.search.folds} folds of {format_duration(self.search.fold)}",
                rests_on=(("search", "folds"), ("search", "fold")),
            )
