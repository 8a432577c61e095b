"""Section `serving`: how the gateway answers, and what it keeps of what it was asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Column, Duration, Section, Share

if TYPE_CHECKING:
    from collections.abc import Iterator


class ReviewBand(Section):
    """Probabilities too uncertain to act on alone: such answers carry `review: true`, for a person to decide."""

    lowest: Share
    """The band's lower end, itself inside."""
    highest: Share
    """The band's upper end, itself inside."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a band that no probability lies in."""
        if self.lowest > self.highest:
            yield Mistake(
                ("lowest",),
                "the band is empty",
                f"{spell(self.lowest)} above {spell(self.highest)}",
                "`lowest` at most `highest`",
                rests_on=(("highest",),),
            )


class Personal(Section):
    """Fields of a request that tell of a person. They are dealt with before anything reaches a disk."""

    drop: tuple[Column, ...] = ()
    """Not kept at all."""
    hash: tuple[Column, ...] = ()
    """Kept as a keyed hash: equal values stay equal, and nobody without the key can tell what they were."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a field that is named twice."""
        for index, column in enumerate(self.hash):
            if column in self.drop:
                yield Mistake(
                    ("hash", index),
                    "a field cannot be dropped and kept",
                    spell(column),
                    "every field in one of `drop` and `hash`",
                    rests_on=(("drop",),),
                )


class AnswerLog(Section):
    """What becomes of answers when they cannot be kept."""

    when_full: Literal["refuse", "drop"] = "refuse"
    """When the disk space for answers is used up: `refuse` requests with status 503, or answer and `drop` the record. Either is
    counted in the metrics."""


class Serving(Section):
    """How the gateway answers."""

    review: ReviewBand | None = None
    """Which answers a person should look at; none: no answer is marked."""
    max_feature_age: Duration = timedelta(hours=36)
    """Age of the published entity features from which the gateway calls itself degraded; a night and a half by default."""
    max_rows: int = Field(1000, ge=1, le=100_000)
    """Most rows in one request."""
    personal: Personal = Personal()
    """Fields that must not be kept as they are."""
    log: AnswerLog = AnswerLog()
    """The log of answers."""
