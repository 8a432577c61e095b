"""What `entity_features` may see: the raw tables as a run at an earlier moment would have read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from evergreen.features.frames import to_pandas
from evergreen.features.point_in_time import NEVER, microseconds, to_microseconds
from evergreen.features.windows import start_of_day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.data import Table
    from evergreen.definitions.feature_layout import TableLayout
    from evergreen.definitions.schedule import Schedule


def readable_from(rows: pa.Table, schedule: Schedule) -> NDArray[np.int64]:
    """Return the first moment at which a run could have read each row, in microseconds: array of shape (n_rows,).

    That is its availability, but not before its day began: no run reads the files of days to come, so a row published
    weeks ahead is in nobody's snapshot until then. What training sees of the past is what the nightly run saw.

    Args:
        rows: Rows as `tables.rows` reads them, with `_day` and `_available_at`; missing availability is never readable.
        schedule: Says when a day begins.
    """
    available = microseconds(rows.column("_available_at"), missing=NEVER)
    encoded = pc.dictionary_encode(rows.column("_day").combine_chunks())
    midnights = [to_microseconds(start_of_day(schedule, day)) for day in encoded.dictionary.to_pylist()]
    began = np.asarray(midnights, dtype=np.int64)[encoded.indices.to_numpy()] if midnights else available
    return np.maximum(available, began)


@dataclass(frozen=True)
class _DatedTable:
    """Rows in order of event time, found by slicing instead of comparing them all."""

    frame: pd.DataFrame
    event_times: NDArray[np.int64]
    readable_from: NDArray[np.int64]
    shortest_wait: int
    """Least time from an event until its row is readable; negative where rows are known ahead."""

    def between(self, oldest: int, moment: int) -> pd.DataFrame:
        """Copy the rows whose event is not before `oldest` and that can be read at `moment`."""
        start = np.searchsorted(self.event_times, oldest, side="left")
        # An event later than this cannot be readable yet; the exact rule is the comparison below.
        stop = np.searchsorted(self.event_times, moment - self.shortest_wait, side="right")
        readable = self.readable_from[start:stop] <= moment
        positions = start + np.flatnonzero(readable)
        return self.frame.take(positions).reset_index(drop=True)


class History:
    """The raw tables, to be asked what was readable at a moment.

    Args:
        definition: Says how far back history reaches and which tables have no days.
        tables: Rows per table as `tables.rows` reads them.
    """

    def __init__(self, definition: ModelDefinition, tables: Mapping[str, pa.Table]) -> None:
        self._reach = definition.features.history
        identifiers = identifier_columns(definition)
        self._references: dict[str, pd.DataFrame] = {}
        self._dated: dict[str, _DatedTable] = {}
        for name, rows in tables.items():
            if definition.data.tables[name].is_reference:
                self._references[name] = to_pandas(own_columns(rows), identifiers=identifiers)
            else:
                self._dated[name] = _dated_table(rows, definition.schedule, identifiers)

    def at(self, moment: datetime) -> dict[str, pd.DataFrame]:
        """Return what a run at `moment` would have read, `features.history` far back; the caller may change the frames.

        Frames hold the table's own columns and `_event_time`, in order of event time.
        """
        return {
            **{name: frame.copy() for name, frame in self._references.items()},
            **{
                name: table.between(to_microseconds(moment - self._reach), to_microseconds(moment))
                for name, table in self._dated.items()
            },
        }


def _dated_table(rows: pa.Table, schedule: Schedule, identifiers: Collection[str]) -> _DatedTable:
    rows = rows.filter(pc.and_(pc.is_valid(rows.column("_event_time")), pc.is_valid(rows.column("_available_at"))))
    times = microseconds(rows.column("_event_time"), missing=NEVER)
    order = np.argsort(times, kind="stable")
    rows, times = rows.take(order), times[order]
    readable = readable_from(rows, schedule)
    wait = int((readable - times).min()) if times.size else 0
    frame = to_pandas(own_columns(rows, keep=("_event_time",)), identifiers=identifiers)
    return _DatedTable(frame, times, readable, wait)


def own_columns(rows: pa.Table, *, keep: Collection[str] = ()) -> pa.Table:
    """Leave out what Evergreen added (names with a leading underscore), but for `keep`."""
    return rows.select([name for name in rows.column_names if not name.startswith("_") or name in keep])


def identifier_columns(definition: ModelDefinition) -> frozenset[str]:
    """Columns that name things in any table: keys, and what tables are joined by."""
    return identifiers_of(definition.data.tables.values())


def identifiers_of(tables: Iterable[Table | TableLayout]) -> frozenset[str]:
    """Columns that name things in any of these tables."""
    tables = list(tables)
    joined = (name for table in tables if table.join is not None for name in table.join.by)
    return frozenset(name for table in tables for name in table.key) | frozenset(joined)
