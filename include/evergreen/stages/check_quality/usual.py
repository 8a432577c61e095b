"""What is usual of a day's figure: the trailing days and the release's reference together.

The trailing days also say how much a figure swings by itself: a weather station's gaps, the mean of three airports, rain. What
swings may swing further before it is a fault; what never moved may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.reference_profile import ColumnProfile

FEWEST_DAYS = 7
"""Trailing days below which they say nothing of their own, and the reference alone is what is usual."""
_BAND = (10.0, 50.0, 90.0)
"""Per cent of the trailing days between which a figure is usual; the rest may themselves have been faults."""
_BAND_WIDTH = 2.563
"""Of a normal distribution, in standard deviations."""
_SWINGS = 3.0


@dataclass(frozen=True)
class Band:
    """Where a figure lies on four of five trailing days."""

    low: float
    middle: float
    high: float

    @property
    def swing(self) -> float:
        """Standard deviation from day to day, as far as the band tells."""
        return (self.high - self.low) / _BAND_WIDTH


def usual_band(before: Mapping[date, float]) -> Band | None:
    """Return the band of a figure, or None with too few trailing days.

    Args:
        before: The figure of each trailing day.
    """
    if len(before) < FEWEST_DAYS:
        return None
    low, middle, high = np.percentile(list(before.values()), _BAND)
    return Band(float(low), float(middle), float(high))


def usual_share(day: date, before: Mapping[date, float], reference: float) -> float:
    """Return the largest share that is usual on a day.

    It is the largest of what the reference had, of what the trailing days of the same weekday have, and of what the trailing
    days' own swings make likely: three times as far above the band as the band is above the median.

    Args:
        day: The day that is judged.
        before: Share of each trailing day.
        reference: Share of the reference.
    """
    band = usual_band(before)
    if band is None:
        return reference
    same = [share for other, share in before.items() if other.weekday() == day.weekday()]
    swung = band.high + _SWINGS * (band.high - band.middle)
    return min(max(reference, swung, float(np.median(same)) if same else 0.0), 1.0)


def null_share(profile: ColumnProfile, day: date) -> float:
    """Return the reference's share of missing values on a day's weekday, or over all days where it had no such weekday."""
    weekday = day.weekday()
    nulls = profile.nulls_by_weekday[weekday]
    filled = sum(profile.counts[weekday] if profile.kind == "numeric" else [n[weekday] for n in profile.counts.values()])
    if nulls + filled:
        return nulls / (nulls + filled)
    return profile.nulls / profile.rows if profile.rows else 0.0
