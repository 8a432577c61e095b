"""Performance in plain sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.measurement import METRICS, direction
from evergreen.observation import Severity

if TYPE_CHECKING:
    from evergreen.definitions.gate import MetricName
    from evergreen.stages.check_performance.cohort import Cohort
    from evergreen.stages.check_performance.limits import Limit


def title(metric: MetricName) -> str:
    """Return a metric's name at the beginning of a sentence."""
    words = METRICS[metric].title
    return words[0].upper() + words[1:]


def number(value: float | None) -> str:
    """Write a metric with three decimals."""
    return "unknown" if value is None or not math.isfinite(value) else f"{value:.3f}"


def sample(cohort: Cohort) -> str:
    """Say what was judged on: 14 days to 2013-05-04 (12,345 outcomes, 98 % of labels in)."""
    if not cohort.days:
        return "no mature day"
    labelled = f"{len(cohort.rows):,} outcomes, {percent(cohort.labelled_share)} of labels in"
    return f"{len(cohort.days)} days to {cohort.days[-1]} ({labelled})"


def percent(share: float) -> str:
    """Write a share as per cent; 99.9 % is not 100 %."""
    return f"{math.floor(share * 100 + 1e-9):d} %" if math.isfinite(share) else "unknown"


def compared(limit: Limit, value: float, severity: Severity) -> str:
    """Say how a value stands to what was expected and to its limit."""
    told = f" ({limit.words})"
    if limit.expected is not None:
        difference = direction(limit.metric) * (value - limit.expected)
        told = f", expected {number(limit.expected)}: {number(abs(difference))} {'worse' if difference < 0 else 'better'}"
        told += f"{certainty(limit, value, severity)} ({limit.words})"
    elif severity is not Severity.OK:
        told = f"{certainty(limit, value, severity)} ({limit.words})"
    return told if limit.is_whole else f"{told}; what the gate measured of this release is not known"


def certainty(limit: Limit, value: float, severity: Severity) -> str:
    """Say how sure it is that a value is past its limit."""
    if severity is Severity.CRITICAL:
        return ", beyond doubt"
    if limit.is_past(value):
        return ", past the limit but within chance"
    return ", on its way to the limit" if severity is Severity.WARNING else ""
