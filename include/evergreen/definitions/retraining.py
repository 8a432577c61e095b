"""Section `retraining`: when monitoring may start a training."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Delay, Duration, Section, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator


class Probe(Section):
    """The question before every training: would a quick refit have beaten the champion on the newest matured rows?"""

    holdout: Duration = timedelta(days=14)
    """The newest matured days, on which champion and refit are compared; the refit learns from what lies before."""
    every: Delay | None = timedelta(days=14)
    """Ask at least this often, also without an alarm: a refit may help although nothing got worse. None: only on an alarm."""
    minimum_effect: float = Field(0.005, ge=0)
    """Smallest improvement of the gate's primary metric that is worth a training, in the metric's unit. Asked without an
    alarm, the lower bound of the improvement must reach it."""
    confidence: float = Field(0.9, gt=0.5, lt=1)
    """One-sided confidence that the refit is better at all, where the answers have become worse; the gate asks again, more
    strictly, before anything is released."""
    unasked_confidence: float = Field(0.99, gt=0.5, lt=1)
    """The same where nothing was seen to be wrong: whoever asks every fortnight asks 26 times a year."""
    max_rows: int = Field(200_000, ge=1000)
    """Most rows the refit learns from, the newest ones."""

    def confidence_when(self, *, alarmed: bool) -> float:
        """Return how sure the probe must be, with and without an alarm about the answers."""
        return self.confidence if alarmed else self.unasked_confidence


class Retraining(Section):
    """When monitoring may start a training. A person or an event may at any time."""

    enabled: bool = True
    """False: decide and record every night as if, but start nothing."""
    cooldown: Delay = timedelta(days=7)
    """Least time between two trainings that monitoring starts."""
    min_new_rows: int = Field(2000, ge=0)
    """Fewest matured outcomes that the champion has not learned from."""
    budget_per_month: int = Field(4, ge=0)
    """Most trainings that monitoring starts within 30 days."""
    persistence: int = Field(2, ge=1)
    """Nights in a row that concept drift must be seen before it is probed; ends only when a night is back within limits."""
    probe: Probe = Probe()
    """The question before every training."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a probe too short to judge on."""
        if self.probe.holdout < timedelta(days=5):
            yield Mistake(
                ("probe", "holdout"),
                "the probe is too short: days are the independent units",
                spell(format_duration(self.probe.holdout)),
                "at least 5d",
            )
