"""Which look at a new champion is due tonight. Pure.

A look is at the same days whenever it is made: the first so many since the release. So whether a night was missed, or repeated,
changes nothing of what is measured, and the number of different questions that are asked stays the one that was announced.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from evergreen.features.windows import last_mature_day

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import ChampionVersion, Collected

NIGHTS = 3
"""Nights in a row in which a look is made: one of them may fail, or be one on which a fault is open."""


class Look(NamedTuple):
    """One comparison of a new champion with the release before."""

    number: int
    """From 1."""
    first_day: date
    last_day: date
    champion: ChampionVersion
    replaced: ChampionVersion


def due_look(definition: ModelDefinition, collected: Collected) -> Look | None:
    """Return tonight's look; None where the champion replaced nobody, or no look falls due.

    Args:
        definition: The model; `release.probation` says after how many days.
        collected: What the night looks at.
    """
    if collected.champion is None or collected.replaced is None or collected.released_at is None:
        return None
    schedule = definition.schedule
    mature = last_mature_day(schedule, collected.as_of, definition.monitoring.performance.mature_after)
    first = schedule.day_of(collected.released_at)
    for number, days in enumerate(definition.release.probation.look_after_days, start=1):
        last = first + timedelta(days=days - 1)
        if timedelta() <= mature - last < timedelta(days=NIGHTS):
            return Look(number, first, last, collected.champion, collected.replaced)
    return None
