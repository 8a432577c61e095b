"""Values never seen before: new categories, and numbers beyond the range of all earlier days."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evergreen.stages.validate.measurement import Novelty
from evergreen.stages.validate.wording import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from evergreen.definitions.validation import Novelty as NoveltyRules
    from evergreen.stages.validate.measurement import DayProfile

MIN_HISTORY_DAYS = 14
"""Nothing is called new before two weeks have been seen: until then almost everything would be."""
_SHOWN_VALUES = 10


@dataclass
class Seen:
    """What the days so far have held."""

    days: int = 0
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    categories: dict[str, set[str]] = field(default_factory=dict)

    def add(self, profile: DayProfile) -> None:
        """Remember a day."""
        self.days += 1
        for column, (low, high) in profile.ranges.items():
            seen_low, seen_high = self.ranges.get(column, (low, high))
            self.ranges[column] = (min(low, seen_low), max(high, seen_high))
        for column, counts in profile.categories.items():
            self.categories.setdefault(column, set()).update(counts)


@dataclass(frozen=True)
class NovelRows:
    """A novelty with the rows that show it."""

    novelty: Novelty
    failing: NDArray[np.bool_]
    """Array of shape (n_rows,)."""


def find_novelties(
    frame: pd.DataFrame, day: date, seen: Seen, rules: NoveltyRules, *, numbers: Sequence[str], texts: Sequence[str]
) -> list[NovelRows]:
    """Find what a day's rows hold that no earlier day did.

    Args:
        frame: The day's rows, n_rows of them.
        day: Their day.
        seen: What the days before it held.
        rules: How far beyond the seen range a number may lie, and how many categories are too many to watch.
        numbers: Columns watched for numbers.
        texts: Columns watched for categories.
    """
    found = [_new_numbers(frame[c], day, seen.ranges[c], rules.range_margin) for c in numbers if c in seen.ranges]
    for column in texts:
        known = seen.categories.get(column)
        if known is not None and len(known) <= rules.max_categories:
            found.append(_new_categories(frame[column], day, known))
    return [item for item in found if item is not None]


def _new_categories(values: pd.Series, day: date, known: set[str]) -> NovelRows | None:
    text = values.astype(str)
    failing = np.asarray(values.notna() & ~text.isin(known), dtype=np.bool_)
    if not failing.any():
        return None
    counts = text[failing].value_counts()
    shown = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))[:_SHOWN_VALUES]
    novelty = Novelty(
        column=str(values.name),
        day=day,
        values={str(value): int(n) for value, n in shown},
        rows=int(failing.sum()),
        distinct=len(counts),
        seen=f"{len(known)} categories",
        kind="category",
    )
    return NovelRows(novelty, failing)


def _new_numbers(values: pd.Series, day: date, seen: tuple[float, float], margin_share: float) -> NovelRows | None:
    low, high = seen
    margin = (high - low) * margin_share
    numbers = values.astype(np.float64)
    inside = (numbers >= low - margin) & (numbers <= high + margin)
    failing = np.asarray(numbers.notna() & ~inside, dtype=np.bool_)
    if not failing.any():
        return None
    beyond = numbers[failing]
    novelty = Novelty(
        column=str(values.name),
        day=day,
        bounds=(number(float(beyond.min())), number(float(beyond.max()))),
        rows=int(failing.sum()),
        distinct=int(beyond.nunique()),
        seen=f"{number(low)} to {number(high)}",
        kind="number",
    )
    return NovelRows(novelty, failing)
