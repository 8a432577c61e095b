"""Section `gate`: when a challenger replaces the champion."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Column, Duration, Section, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

MetricName = Literal["roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row"]


class Primary(Section):
    """The metric that decides."""

    metric: MetricName = "roc_auc"
    """Its name."""
    minimum_effect: float = Field(0.002, ge=0)
    """Smallest improvement worth a release, in the metric's unit."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """One-sided confidence that the challenger is better at all."""


class Guard(Section):
    """A metric that must not get worse."""

    metric: MetricName
    """Its name."""
    max_worsening: float | None = Field(None, ge=0)
    """Largest loss against the champion, in the metric's unit."""
    limit: float | None = None
    """Worst value in absolute terms: a floor where higher is better, a ceiling where lower is."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a guard that guards nothing."""
        if self.max_worsening is None and self.limit is None:
            yield Mistake(
                (),
                "a guard without a threshold",
                "neither `max_worsening` nor `limit`",
                "one of them, or both",
                rests_on=(("max_worsening",), ("limit",)),
            )


class Slice(Section):
    """A column whose every value is judged on its own."""

    by: Column
    """Column of the rows, joined column or feature."""
    min_rows: int = Field(300, ge=1)
    """Values with fewer holdout rows are shown but not judged."""
    max_drop: float = Field(0.02, ge=0)
    """Largest loss of the primary metric that a value may suffer; a larger one that is also significant blocks."""


class Budget(Section):
    """What serving may cost."""

    single_row_p99_ms: float = Field(20.0, gt=0)
    """Milliseconds in which 99 of 100 single rows are scored."""
    batch_1000_rows_ms: float = Field(500.0, gt=0)
    """Milliseconds for a batch of 1,000 rows."""
    model_mb: float = Field(50.0, gt=0)
    """Largest model, in megabytes."""


class Gate(Section):
    """When a challenger replaces the champion."""

    holdout: Duration = timedelta(days=21)
    """The last complete days, kept from training; judged on are those of their rows whose labels have arrived."""
    min_rows: int = Field(1000, ge=1)
    """Fewest holdout rows to judge on."""
    min_days: int = Field(10, ge=2)
    """Fewest holdout days to judge on: days, not rows, are the independent units of the bootstrap."""
    min_positives: int = Field(50, ge=1)
    """Fewest holdout rows whose answer is yes."""
    primary: Primary = Primary()
    """The metric that decides."""
    guards: tuple[Guard, ...] = (Guard(metric="log_loss", max_worsening=0.01), Guard(metric="calibration_error", limit=0.1))
    """Metrics that must not get worse, or not pass a limit."""
    slices: tuple[Slice, ...] = ()
    """Columns whose every value is judged on its own."""
    budget: Budget = Budget()
    """What serving may cost."""
    resamples: int = Field(1000, ge=200, le=100_000)
    """Bootstrap resamples."""
    seed: int = 20130101
    """Where the bootstrap begins."""
    max_onnx_difference: float = Field(1e-5, gt=0)
    """Largest absolute difference between XGBoost's and ONNX Runtime's scores."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a holdout that cannot be judged on, and slices named twice."""
        if self.holdout < timedelta(days=self.min_days):
            yield Mistake(
                ("holdout",),
                "the holdout is shorter than the fewest days to judge on",
                spell(format_duration(self.holdout)),
                f"at least {self.min_days}d, or a lower `min_days`",
                rests_on=(("min_days",),),
            )
        columns = [part.by for part in self.slices]
        for index, column in enumerate(columns):
            if column in columns[:index]:
                yield Mistake(("slices", index, "by"), "a column is sliced by twice", spell(column), "each column once")
