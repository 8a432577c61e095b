"""Which raw days the online inputs of a night are made from. Everything here follows from the definition alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.features.windows import ONE_DAY, RawWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from evergreen.definitions import ModelDefinition

LOOK_BACK = timedelta(days=1)
"""A request may ask for a row whose moment of prediction lies this far before the night: it finds what was readable then."""


def online_windows(definition: ModelDefinition, night: datetime, *, with_entities: bool) -> dict[str, RawWindow]:
    """Return the days of each raw table that online inputs of a night are made from, up to the night's own.

    `first` is None where there is no limit backwards; tables not named are not needed.

    Args:
        definition: The model.
        night: A nightly moment.
        with_entities: Whether the code asks for history.
    """
    windows = {}
    for name in definition.data.tables:
        firsts = list(_firsts(definition, name, night, with_entities=with_entities))
        if firsts:
            unlimited = any(first is None for first in firsts)
            oldest = None if unlimited else min(first for first in firsts if first is not None)
            day = None if oldest is None else definition.schedule.day_of(oldest)
            # A row known ahead has a moment of prediction tonight and its event tomorrow.
            windows[name] = RawWindow(day, definition.schedule.day_of(night + ONE_DAY))
    return windows


def _firsts(definition: ModelDefinition, name: str, night: datetime, *, with_entities: bool) -> Iterator[datetime | None]:
    table = definition.data.tables[name]
    if name == definition.data.rows:
        yield night - LOOK_BACK
    if table.join is not None:
        yield None if table.join.within is None else night - LOOK_BACK - table.join.within
    if with_entities:
        yield night - definition.features.history
