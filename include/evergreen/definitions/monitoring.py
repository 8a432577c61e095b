"""Section `monitoring`: what is watched, and how far it may go before somebody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evergreen.definitions.gate import MetricName
from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Column, Delay, Duration, Section, Share, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator


class Quality(Section):
    """Faults of the data, looked for day by day; they come suddenly and have nothing to do with the world."""

    trailing: Duration = timedelta(days=28)
    """Days before the one that is checked which say, with the release's own reference, what is usual."""
    max_null_share_rise: Share = 0.1
    """Largest rise of a feature's share of missing values over what is usual."""
    max_new_category_share: Share = 0.05
    """Largest share of rows whose category the release has never seen."""
    max_out_of_range_share: Share = 0.3
    """Largest share of rows beyond every usual value of a numeric feature."""
    max_scale_change: float = Field(3.0, gt=1)
    """Largest factor, up or down, by which a numeric feature's spread may change from one day to the next: a change of unit."""
    min_row_share: Share = 0.3
    """Fewest rows of a day, as a share of what is usual on that weekday."""


class Drift(Section):
    """Distributions that move away from the release's own reference. Drift alone starts no training."""

    false_discovery_rate: float = Field(0.05, gt=0, lt=0.5)
    """Largest share of false alarms among the features that alarm (Benjamini and Hochberg)."""
    numeric_effect: float = Field(0.1, gt=0)
    """Smallest normed Wasserstein distance that matters, in standard deviations of the reference."""
    categorical_effect: float = Field(0.1, gt=0, le=1)
    """Smallest Jensen-Shannon distance that matters."""
    prediction_effect: float = Field(0.1, gt=0)
    """Smallest normed Wasserstein distance of the predicted probabilities that matters."""
    label_effect: float = Field(0.05, gt=0, le=1)
    """Smallest change of the share of yes among matured labels that matters."""
    reference: Literal["release", "same_weekdays"] = "same_weekdays"
    """`release`: the release's training rows as they are; `same_weekdays`: weighted to the weekdays of the window."""
    ignore: tuple[Column, ...] = ()
    """Features whose distribution is expected to move, such as a year."""


class WatchedMetric(Section):
    """A metric of the answers, on outcomes whose labels have matured."""

    metric: MetricName
    """Its name."""
    max_worsening: float | None = Field(None, gt=0)
    """Largest loss against what the gate measured when the version was released, in the metric's unit."""
    limit: float | None = None
    """Worst value in absolute terms: a floor where higher is better, a ceiling where lower is."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a watch without a threshold."""
        if self.max_worsening is None and self.limit is None:
            yield Mistake(
                (),
                "a watched metric without a threshold",
                "neither `max_worsening` nor `limit`",
                "one of them, or both",
                rests_on=(("max_worsening",), ("limit",)),
            )


class WatchedSlice(Section):
    """A column whose every value is watched on its own."""

    by: Column
    """One of the columns of `gate.slices`."""
    min_rows: int = Field(300, ge=1)
    """Values with fewer matured outcomes are shown but not judged."""
    max_worsening: float = Field(0.1, gt=0)
    """Largest loss of the first watched metric against all rows of the release's holdout."""


class Performance(Section):
    """How good the answers were, on days whose labels have arrived."""

    window: Duration = timedelta(days=14)
    """Matured days that are judged together, the newest ones; in whole days."""
    mature_after: Delay = timedelta(days=7)
    """How long after a day's end its labels are waited for. Younger days are in no metric, whatever labels they have:
    the answers that arrive first are not like the others."""
    min_labelled_share: Share = 0.9
    """Fewest labels of a matured day, as a share of what is usual; days with fewer are left out and told."""
    min_rows: int = Field(500, ge=1)
    """Fewest matured outcomes to judge on."""
    min_days: int = Field(5, ge=2)
    """Fewest matured days to judge on: days, not rows, are the independent units."""
    min_positives: int = Field(30, ge=1)
    """Fewest outcomes whose answer was yes."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """One-sided confidence of every bound."""
    warn_at: float = Field(0.6, gt=0, lt=1)
    """Share of the way to a threshold from which a metric is warned about, before it passes."""
    metrics: tuple[WatchedMetric, ...] = Field(
        (WatchedMetric(metric="roc_auc", max_worsening=0.05), WatchedMetric(metric="calibration_error", limit=0.15)),
        min_length=1,
    )
    """What is watched; the first one is also watched by slice."""
    slices: tuple[WatchedSlice, ...] = ()
    """Columns whose every value is watched on its own."""
    resamples: int = Field(1000, ge=200, le=100_000)
    """Bootstrap resamples."""
    seed: int = 20130101
    """Where the bootstrap begins."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a window too short to judge on, and metrics or slices named twice."""
        if self.window < timedelta(days=self.min_days):
            yield Mistake(
                ("window",),
                "the window is shorter than the fewest days to judge on",
                spell(format_duration(self.window)),
                f"at least {self.min_days}d, or a lower `min_days`",
                rests_on=(("min_days",),),
            )
        for field, names in (
            ("metrics", [watched.metric for watched in self.metrics]),
            ("slices", [watched.by for watched in self.slices]),
        ):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield Mistake((field, index), f"`{name}` is watched twice", spell(name), "each one once")


class Operations(Section):
    """How the machinery itself is doing."""

    max_feature_age: Duration = timedelta(hours=36)
    """Oldest entity features an answer may rest on."""
    max_hours_unwatched: float = Field(30.0, gt=0)
    """Hours after which the lack of a monitoring night is itself an alarm."""
    max_run_minutes: float = Field(60.0, gt=0)
    """Longest run of a scoring night."""
    max_memory_mb: float = Field(4000.0, gt=0)
    """Most memory one task may use."""
    max_latency_ms: float = Field(500.0, gt=0)
    """Longest the gateway may take for 99 of 100 answers of a day, where its answers are watched."""
    max_error_share: Share = 0.01
    """Largest share of a day's requests that the gateway may leave unanswered by its own fault: no room, no release, feature
    code that fails."""
    min_traffic_share: Share = 0.2
    """Smallest share of a usual day's requests that the newest day may have before it is warned about."""
    max_null_answer_share: Share = 0.0
    """Largest share of answers that are missing or no number."""
    max_positive_share_change: Share = 0.2
    """Largest change of the share of answers `yes` against the release's reference."""
    min_distinct_answers: int = Field(5, ge=1)
    """Fewest different probabilities in a day: a constant answer is a broken one."""


class Monitoring(Section):
    """What is watched, and how far it may go before somebody is told."""

    answers: Literal["batch", "gateway", "both"] = "batch"
    """Whose answers are watched: those of the nightly `batch`, those that the `gateway` gave, or `both`.
    Of the same row, what was said last counts."""
    window: Duration = timedelta(days=7)
    """Complete days whose distributions are compared with the reference; whole weeks hold every weekday alike."""
    min_rows: int = Field(500, ge=1)
    """Fewest rows of a window for a word about its distributions."""
    persistence: int = Field(2, ge=1)
    """Nights in a row that an alarm must last before triage looks for its cause; faults of quality count at once."""
    report_rows: int = Field(2000, ge=100, le=50_000)
    """Rows that the drawn Evidently report samples from either side; verdicts always come from all rows."""
    quality: Quality = Quality()
    """Faults of the data, day by day."""
    drift: Drift = Drift()
    """Distributions that move away from the reference."""
    performance: Performance = Performance()
    """How good the answers were."""
    operations: Operations = Operations()
    """How the machinery itself is doing."""
