"""The newest row that could be read at a moment, found for one request at a time: a dictionary and a bisection.

Answers are those of `point_in_time.latest_readable` on the same rows, without the cost of arrays.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isnan
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from evergreen.features.online_tables import EVENT_TIME, READABLE_FROM
from evergreen.features.point_in_time import ALWAYS, NEVER, microseconds, to_microseconds
from evergreen.features.request_rows import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping, Sequence

    from evergreen.definitions.data import Join

WORDS = {kind: word for word, kind in ARROW_TYPES.items()}


class OnlineJoin:
    """One joined table, prepared.

    Args:
        join: How it is joined.
        rows: Its published rows.
        identifiers: Columns whose integers name things, by their names after joining.
    """

    def __init__(self, join: Join, rows: pa.Table, identifiers: Collection[str]) -> None:
        self.by = join.by
        own = [name for name in rows.column_names if name not in (*join.by, EVENT_TIME, READABLE_FROM)]
        self.types = {join.prefix + name: WORDS[rows.schema.field(name).type] for name in own}
        """The columns it adds, by their names after joining, and their types."""
        self._within = None if join.within is None else to_microseconds(join.within)
        values = {join.prefix + name: rows.column(name) for name in own}
        self._values = {name: plain_values(column, is_identifier=name in identifiers) for name, column in values.items()}
        self._found = _prepare(rows, join.by)

    def position(self, by: Sequence[object], moment: int) -> int:
        """Return the position of the row that is found, -1 for none.

        Args:
            by: The values that the request row joins by, plain as in `RequestRows`; None is a missing one.
            moment: Moment of prediction in microseconds since 1970.
        """
        of_group = self._found.get(by[0] if len(by) == 1 else tuple(by))
        if of_group is None:
            return -1
        readable, positions, events = of_group
        last = bisect_right(readable, moment) - 1
        if last < 0 or (self._within is not None and events[last] < moment - self._within):
            return -1
        return positions[last]

    def added(self, positions: Sequence[int]) -> dict[str, list[object]]:
        """Return the added columns of some rows; missing where a position is negative."""
        if len(positions) == 1:  # most requests
            [position] = positions
            return {name: [None if position < 0 else values[position]] for name, values in self._values.items()}
        return {
            name: [None if position < 0 else values[position] for position in positions]
            for name, values in self._values.items()
        }


def plain_values(column: pa.ChunkedArray, *, is_identifier: bool) -> list[object]:
    """Return a column as the plain values of `RequestRows`."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_integer(column.type) and not is_identifier:
        column = column.cast(pa.float64(), safe=False)
    values: list[object] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [None if value is None or isnan(value) else value for value in values]  # type: ignore[arg-type]
    return values


_Group = tuple[list[int], list[int], list[int]]
"""Per group, in the order in which they became readable: from when, position, event time."""


def _prepare(rows: pa.Table, by: Sequence[str]) -> Mapping[Hashable, _Group]:
    dated = READABLE_FROM in rows.column_names
    readable = microseconds(rows.column(READABLE_FROM), missing=NEVER) if dated else np.full(rows.num_rows, ALWAYS)
    events = microseconds(rows.column(EVENT_TIME), missing=NEVER) if dated else np.zeros(rows.num_rows, dtype=np.int64)
    keys = [plain_values(rows.column(name), is_identifier=True) for name in by]
    found: dict[Hashable, _Group] = {}
    for position in np.lexsort((np.arange(rows.num_rows), events, readable)).tolist():
        key = tuple(values[position] for values in keys)
        if None in key or readable[position] == NEVER:
            continue
        times, positions, happened = found.setdefault(key[0] if len(key) == 1 else key, ([], [], []))
        if happened and events[position] < happened[-1]:
            continue  # a late correction of an old event hides no newer one
        times.append(int(readable[position]))
        positions.append(position)
        happened.append(int(events[position]))
    return found
