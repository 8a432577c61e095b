"""What one release has done, counted where it happens."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.serving.answers import Answers

LATENCY_BOUNDS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the latency histogram, each itself inside."""


class ReleaseMetrics:
    """Counters of one release in one worker. Written to by the event loop alone."""

    __slots__ = ("buckets", "fallbacks", "latency_seconds", "requests", "reviews", "rows", "yes")

    def __init__(self) -> None:
        self.requests = 0
        """Answered requests."""
        self.rows = 0
        """Answered rows."""
        self.yes = 0
        """Rows whose decision was yes."""
        self.reviews = 0
        """Rows left to a person."""
        self.fallbacks = 0
        """Batches whose features pandas computed because the quick engine could not."""
        self.latency_seconds = 0.0
        """Sum over the answered requests, from arrival to answer."""
        self.buckets = [0] * (len(LATENCY_BOUNDS_SECONDS) + 1)
        """Answered requests by latency; the last one is beyond every bound."""

    def observe(self, seconds: float, rows: int) -> None:
        """Count an answered request."""
        self.requests += 1
        self.rows += rows
        self.latency_seconds += seconds
        self.buckets[bisect_left(LATENCY_BOUNDS_SECONDS, seconds)] += 1

    def count(self, answers: Answers) -> None:
        """Count what was decided."""
        self.yes += sum(answers.decision)
        self.reviews += sum(answers.review)
