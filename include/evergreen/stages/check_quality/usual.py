"""What is usual of a day's figure: the trailing days and the release's reference together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.reference_profile import ColumnProfile

FEWEST_DAYS = 7
"""Trailing days below which they say nothing of their own, and the reference alone is what is usual."""
_DEVIATIONS = 3.0
_TO_STANDARD_DEVIATION = 1.4826
"""Of a normal distribution: standard deviations to one median absolute deviation."""
_BAND = (10.0, 90.0)
"""Per cent of the trailing days between which a figure is usual; the rest may themselves have been faults."""


def usual_share(day: date, before: Mapping[date, float], reference: float) -> float:
    """Return the largest share that is usual on a day.

    It is the largest of what the reference had, of what the trailing days of the same weekday have, and of the trailing
    days' median plus three of their robust standard deviations: the share of a weather station's gaps swings by itself.

    Args:
        day: The day that is judged.
        before: Share of each trailing day.
        reference: Share of the reference.
    """
    if len(before) < FEWEST_DAYS:
        return reference
    shares = np.asarray(list(before.values()))
    middle = float(np.median(shares))
    swing = float(np.median(np.abs(shares - middle))) * _TO_STANDARD_DEVIATION
    same = [share for other, share in before.items() if other.weekday() == day.weekday()]
    usual = max(reference, middle + _DEVIATIONS * swing, float(np.median(same)) if same else 0.0)
    return min(usual, 1.0)


def usual_band(before: Mapping[date, float]) -> tuple[float, float] | None:
    """Return the band in which a figure lies on four of five trailing days, or None with too few of them."""
    if len(before) < FEWEST_DAYS:
        return None
    low, high = np.percentile(list(before.values()), _BAND)
    return float(low), float(high)


def null_share(profile: ColumnProfile, day: date) -> float:
    """Return the reference's share of missing values on a day's weekday, or over all days where it had no such weekday."""
    weekday = day.weekday()
    nulls = profile.nulls_by_weekday[weekday]
    filled = sum(profile.counts[weekday] if profile.kind == "numeric" else [n[weekday] for n in profile.counts.values()])
    if nulls + filled:
        return nulls / (nulls + filled)
    return profile.nulls / profile.rows if profile.rows else 0.0
