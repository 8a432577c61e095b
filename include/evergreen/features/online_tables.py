"""What features of requests need of the raw tables: few rows of the joined ones, and what entity features made of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.errors import FeatureError
from evergreen.features.history import own_columns, readable_from
from evergreen.features.point_in_time import ALWAYS, NEVER, ever_found, groups_of, microseconds, to_microseconds
from evergreen.features.request_rows import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evergreen.definitions import ModelDefinition

EVENT_TIME, READABLE_FROM = "_event_time", "_readable_from"


def joined_tables(definition: ModelDefinition, tables: Mapping[str, pa.Table], earliest: datetime) -> dict[str, pa.Table]:
    """Return, per joined table, the rows that a moment from `earliest` on may find.

    Args:
        definition: Says what is joined, and how far back.
        tables: Rows per table as `tables.rows` reads them.
        earliest: The first moment of prediction that will be asked about.

    Returns:
        The table's own columns and, but for a reference table, `_event_time` and `_readable_from`; in the order of the joins.
    """
    joins = ((name, table.join) for name, table in definition.data.tables.items())
    return {name: _joined(definition, name, tables[name], earliest) for name, join in joins if join is not None}


def _joined(definition: ModelDefinition, name: str, rows: pa.Table, earliest: datetime) -> pa.Table:
    table = definition.data.tables[name]
    by = table.join.by if table.join is not None else ()
    groups = groups_of(rows, by)
    own = own_columns(rows)
    if table.is_reference:
        always = np.full(rows.num_rows, ALWAYS, dtype=np.int64)
        return own.take(ever_found(groups, np.zeros_like(always), always, earliest=ALWAYS))
    events = microseconds(rows.column("_event_time"), missing=NEVER)
    readable = readable_from(rows, definition.schedule)
    within = to_microseconds(table.join.within) if table.join is not None and table.join.within is not None else None
    positions = ever_found(groups, events, readable, earliest=to_microseconds(earliest), within=within)
    moments = {EVENT_TIME: events, READABLE_FROM: readable}
    for column, values in moments.items():
        own = own.append_column(column, pa.array(values).cast(ARROW_TYPES["timestamp"], safe=False))
    return own.take(positions)


def entity_tables(frames: Mapping[str, pd.DataFrame]) -> dict[str, pa.Table]:
    """Return entity frames as Arrow tables, from which `entity_frames` makes the very same frames again.

    Raises:
        FeatureError: A frame holds something that Arrow would change.
    """
    return {name: _kept(name, frame) for name, frame in frames.items()}


def entity_frames(tables: Mapping[str, pa.Table]) -> dict[str, pd.DataFrame]:
    """Return the frames that `entity_tables` kept."""
    return {name: table.to_pandas() for name, table in tables.items()}


def _kept(name: str, frame: pd.DataFrame) -> pa.Table:
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _refused(name, str(error).splitlines()[0][:300]) from error
    again = table.to_pandas()
    if not (again.columns.equals(frame.columns) and again.index.equals(frame.index)):
        raise _refused(name, "names of columns or rows that are not kept")
    for column in frame.columns:
        before, after = frame[column].dtype, again[column].dtype
        both_text = isinstance(before, pd.StringDtype) and isinstance(after, pd.StringDtype)
        if before != after and not both_text:
            raise _refused(name, f"column {column!r} of dtype {before}, which comes back as {after}")
    return table


def _refused(name: str, found: str) -> FeatureError:
    return FeatureError(
        f"the entity frame {name!r} cannot be published",
        found=found,
        allowed="columns of numbers, text, booleans, moments or categories, one kind in a column, every name once",
        remedy="change what `entity_features` returns and train again",
    )
