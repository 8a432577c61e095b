"""What the gate decides on: everything that was measured about a challenger, and what was ruled about it.

A measurement is stored as canonical bytes. A decision is a pure function of those bytes and the definition's `gate` section,
and a page is a pure function of both, so each can be made again years later without a model, a table or a clock.
"""

from __future__ import annotations

import json
import math
from datetime import date
from enum import StrEnum
from typing import Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field, FiniteFloat

from evergreen.definitions.gate import MetricName
from evergreen.definitions.training import Costs
from evergreen.results import Outcome, Result, canonical_bytes

Role = Literal["challenger", "champion", "baseline"]
Measured = FiniteFloat | None
"""A finite number, or None for what could not be measured; no gate takes None for good."""


def finite(value: float) -> Measured:
    """Return a number, or None for what is not one."""
    return float(value) if math.isfinite(value) else None


class MetricTraits(NamedTuple):
    """What there is to know about a metric without computing it."""

    title: str
    higher_is_better: bool


METRICS: dict[MetricName, MetricTraits] = {
    "roc_auc": MetricTraits("ROC AUC", True),
    "average_precision": MetricTraits("average precision", True),
    "log_loss": MetricTraits("log loss", False),
    "brier_score": MetricTraits("Brier score", False),
    "calibration_error": MetricTraits("calibration error", False),
    "cost_per_row": MetricTraits("cost per row", False),
}
"""The one place that knows which way each metric is better; everywhere else an improvement is positive."""


def direction(metric: MetricName) -> int:
    """Return 1 where higher is better and -1 where lower is: a difference times this is an improvement."""
    return 1 if METRICS[metric].higher_is_better else -1


class JudgedModel(Result):
    """One of the models that answered the same rows."""

    role: Role
    algorithm: str
    version: str | None
    """Registered version; only a champion has one."""
    bundle_digest: str
    features_digest: str
    """Digest of the feature set it was asked with."""
    features_source_digest: str
    trained_from: AwareDatetime
    trained_through: AwareDatetime
    """Event time of the newest row it has seen in any way."""
    training_rows: int
    threshold: FiniteFloat


class Comparison(Result):
    """The challenger against another model by one metric; improvements are positive whatever the metric's direction."""

    against: Role
    metric: MetricName
    challenger: Measured
    reference: Measured
    improvement: Measured
    lower: Measured
    """With the measurement's confidence the true improvement is not below this."""
    upper: Measured
    """With the measurement's confidence the true improvement is not above this."""
    standard_error: Measured


class SliceComparison(Comparison):
    """The same for the rows of one value of a slice column, by the primary metric."""

    by: str
    value: str
    rows: int
    positives: int
    days: int
    chance_of_no_loss: Measured
    """One-sided p-value of the claim that nothing was lost, before any correction for the number of slices."""


class Statistics(Result):
    """All that follows from the stored predictions and nothing else; computed again, it is the same byte for byte."""

    rows: int
    positives: int
    days: int
    first_day: date | None
    last_day: date | None
    metrics: dict[Role, dict[MetricName, Measured]]
    comparisons: tuple[Comparison, ...]
    slices: tuple[SliceComparison, ...]
    unshown_slices: dict[str, int]
    """Values per slice column that were left out because the column has too many, the smallest ones."""

    def comparison(self, against: Role, metric: MetricName) -> Comparison | None:
        """Return one comparison, None when it was not made."""
        return next((c for c in self.comparisons if c.against == against and c.metric == metric), None)


class Serving(Result):
    """What it costs to ask the challenger: processor time on the machine that evaluated it, the best of several rounds."""

    single_row_p50_ms: FiniteFloat
    single_row_p99_ms: FiniteFloat
    batch_1000_rows_ms: FiniteFloat
    model_mb: FiniteFloat
    rounds: int
    calls: int
    """Single-row calls per round."""


class Parity(Result):
    """How far the two engines of the challenger are apart over the holdout rows."""

    max_difference: Measured
    """Largest absolute difference, in log-odds; 0 for a model with one engine."""
    rows: int


class Terms(Result):
    """The parts of the definition that went into measuring; a decision under other terms needs another measurement."""

    metric: MetricName
    confidence: FiniteFloat
    resamples: int
    seed: int
    holdout_days: int
    slices: tuple[str, ...]
    costs: Costs


class Curve(Result):
    """Points of a line, x rising."""

    x: tuple[FiniteFloat, ...]
    y: tuple[FiniteFloat, ...]


class ModelFigures(Result):
    """Curves of one model over the judged rows."""

    roc: Curve
    precision_recall: Curve
    calibration: Curve
    """Share that came true by mean probability said, in bins of equally many rows."""
    cost: Curve
    """Cost per row by threshold."""
    histogram_yes: tuple[int, ...]
    """Rows whose answer was yes, by probability in equal steps from 0 to 1."""
    histogram_no: tuple[int, ...]


class DayFigures(Result):
    """One holdout day."""

    day: date
    rows: int
    positives: int
    improvement: Measured
    """Of the primary metric against the model to beat, within this day alone."""


class Figures(Result):
    """What the page draws."""

    models: dict[Role, ModelFigures]
    days: tuple[DayFigures, ...]


class Measurement(Result):
    """Everything measured about a challenger."""

    format: Literal[1] = 1
    model: str
    as_of: AwareDatetime
    terms: Terms
    holdout_from: AwareDatetime
    """Where the holdout begins by the definition."""
    judged_after: AwareDatetime
    """The newest watermark of the judged models; only whole days after its day count."""
    unjudged_rows: int
    """Labelled holdout rows left out because a judged model may have seen them or their day."""
    overlapping_rows: int
    """Judged rows that are not newer than every watermark; anything but 0 is a fault."""
    models: tuple[JudgedModel, ...]
    features_digest: str
    snapshot_digest: str
    holdout_digest: str
    """Digest of keys, times, labels and slices of the judged rows."""
    predictions_uri: str
    predictions_digest: str
    statistics: Statistics
    serving: Serving | None
    parity: Parity
    figures: Figures

    @property
    def reference(self) -> Role:
        """The model to beat: the champion, or the baseline while there is none."""
        return "champion" if self.judged("champion") else "baseline"

    def judged(self, role: Role) -> JudgedModel | None:
        """Return the model in a role, None when nobody has it."""
        return next((model for model in self.models if model.role == role), None)

    def to_bytes(self) -> bytes:
        """Return the canonical text: sorted keys, finite numbers, no spaces."""
        return canonical_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore a measurement from its canonical text.

        Raises:
            ValueError: The text is not a measurement of this format, or holds a number that is not finite.
        """
        return cls.model_validate(json.loads(data))


class RulingKind(StrEnum):
    """What hangs on a rule."""

    TRUST = "trust"
    """Broken: the measurement itself cannot be relied on."""
    SIZE = "size"
    """Broken: there is too little to judge on."""
    GAIN = "gain"
    """The question itself: is the challenger better?"""
    LIMIT = "limit"
    """Broken: whatever the gain, the challenger must not be released."""


class Ruling(Result):
    """One rule of the gate with what was found and what is allowed."""

    kind: RulingKind
    name: str
    found: str
    allowed: str
    holds: bool | None
    """None when it cannot be told, which is never taken for yes."""
    reason: str
    """The same in a plain sentence."""


class Decision(Result):
    """What the gate says about a measurement."""

    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    """In plain sentences, the deciding one first."""
    rows_needed: int | None
    rulings: tuple[Ruling, ...]
    slice_chances: dict[str, FiniteFloat]
    """Per judged slice (`column=value`) the corrected chance that nothing was lost."""

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        return canonical_bytes(self)
