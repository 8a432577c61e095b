"""How far a metric may fall, and how far it has. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.measurement import direction
from evergreen.observation import Severity

if TYPE_CHECKING:
    from evergreen.definitions.gate import MetricName
    from evergreen.definitions.monitoring import WatchedMetric
    from evergreen.statistics.paired_cluster_bootstrap import Interval


@dataclass(frozen=True)
class Limit:
    """What one metric is held against; the tighter of two thresholds counts."""

    metric: MetricName
    expected: float | None
    """What the gate measured when the version was released."""
    value: float | None
    """The threshold; None where it is unknown."""
    warn: float | None
    """From here on it is warned about."""
    is_whole: bool
    """Whether every threshold that the rules ask for is known."""
    words: str
    """The threshold as the definition says it."""

    def judge(self, found: Interval) -> Severity:
        """Say how far a metric has gone; what could not be measured is never fine."""
        if self.value is None or not all(map(math.isfinite, (found.estimate, found.lower, found.upper))):
            return Severity.UNKNOWN
        sign = direction(self.metric)
        best = found.upper if sign > 0 else found.lower
        if sign * (best - self.value) < 0:
            return Severity.CRITICAL
        if self.warn is not None and sign * (found.estimate - self.warn) <= 0:
            return Severity.WARNING
        return Severity.OK if self.is_whole else Severity.UNKNOWN

    def is_past(self, value: float) -> bool:
        """Return whether a value is beyond the threshold."""
        return self.value is not None and direction(self.metric) * (value - self.value) < 0


def limit_of(watched: WatchedMetric, expected: float | None, warn_at: float) -> Limit:
    """Return what a watched metric is held against.

    Args:
        watched: The rule.
        expected: What the gate measured; None where it is unknown.
        warn_at: Share of the way from what is expected to the threshold from which it is warned about.
    """
    metric, sign = watched.metric, direction(watched.metric)
    known = expected if expected is not None and math.isfinite(expected) else None
    kind = "floor" if sign > 0 else "ceiling"
    thresholds = [] if watched.limit is None else [(watched.limit, f"{kind} {watched.limit:g}")]
    if watched.max_worsening is not None and known is not None:
        thresholds.append((known - sign * watched.max_worsening, f"limit {watched.max_worsening:g}"))
    is_whole = watched.max_worsening is None or known is not None
    if not thresholds:
        return Limit(metric, known, None, None, is_whole, "no limit is known")
    value, words = max(thresholds, key=lambda pair: sign * pair[0])
    warn = value
    if known is not None and sign * (known - value) > 0:
        warn = known + warn_at * (value - known)
    return Limit(metric, known, value, warn, is_whole, words)
