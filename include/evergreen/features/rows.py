"""The rows to predict: what was known of each one at its own moment of prediction."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import FeatureError
from evergreen.features.history import own_columns, readable_from
from evergreen.features.keys import key_text
from evergreen.features.point_in_time import (
    ALWAYS,
    NEVER,
    latest_readable,
    microseconds,
    shared_groups,
    to_microseconds,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from numpy.typing import NDArray

    from evergreen.definitions import ModelDefinition

logger = logging.getLogger(__name__)


def rows_to_predict(definition: ModelDefinition, tables: Mapping[str, pa.Table], days: Collection[date]) -> pa.Table:
    """Join onto every row what could be read of the other tables at its moment of prediction.

    A row that was itself not readable by then could not have been predicted and is left out.

    Args:
        definition: Says what is joined and when a row is predicted.
        tables: Rows per table as `tables.rows` reads them.
        days: Days whose rows are wanted.

    Returns:
        The rows' own columns, the joined ones, and `_day`, `_key`, `_event_time`, `_prediction_time`;
        sorted by event time and key.

    Raises:
        FeatureError: No row is readable in time, or two columns would have the same name.
    """
    data = definition.data
    source = tables[data.rows]
    rows = _predictable(definition, source.filter(pc.is_in(source.column("_day"), pa.array(sorted(days), pa.date32()))))
    moments = microseconds(rows.column("_prediction_time"), missing=NEVER)
    joined = own_columns(rows)
    for name, table in data.tables.items():
        if table.join is not None:
            joined = _join(definition, name, tables[name], joined, moments)
    for name in ("_day", "_key", "_event_time", "_prediction_time"):
        joined = joined.append_column(name, rows.column(name))
    return joined


def _predictable(definition: ModelDefinition, rows: pa.Table) -> pa.Table:
    data = definition.data
    key = data.tables[data.rows].key
    rows = rows.filter(pc.is_valid(rows.column("_event_time")))
    span = pa.scalar(data.predict_before, pa.duration("us"))
    predicted_at = pc.subtract(rows.column("_event_time").cast(pa.timestamp("us", "UTC")), span)
    in_time = pc.fill_null(pc.less_equal(rows.column("_available_at").cast(predicted_at.type), predicted_at), False)
    rows = rows.append_column("_prediction_time", predicted_at).append_column("_key", key_text(rows, key))
    kept = rows.filter(in_time)
    if rows.num_rows and not kept.num_rows:
        raise FeatureError(
            f"no row of table {data.rows!r} is available when it is to be predicted",
            found=f"the first of {rows.num_rows} rows is available at {rows.column('_available_at')[0]}, "
            f"predicted at {rows.column('_prediction_time')[0]}",
            allowed="rows available `predict_before` their event time, or earlier",
            remedy=f"set data.tables.{data.rows}.available_after to what is true, or a smaller data.predict_before",
        )
    if kept.num_rows < rows.num_rows:
        logger.warning("%d rows became available too late to be predicted and are left out", rows.num_rows - kept.num_rows)
    return kept.sort_by([("_event_time", "ascending"), ("_key", "ascending")])


def _join(definition: ModelDefinition, name: str, table_rows: pa.Table, rows: pa.Table, moments: NDArray[np.int64]) -> pa.Table:
    table = definition.data.tables[name]
    if table.join is None:
        return rows
    if table.is_reference:
        event_times = np.zeros(table_rows.num_rows, dtype=np.int64)
        available, within = np.full(table_rows.num_rows, ALWAYS, dtype=np.int64), None
    else:
        event_times = microseconds(table_rows.column("_event_time"), missing=NEVER)
        available = readable_from(table_rows, definition.schedule)
        within = None if table.join.within is None else to_microseconds(table.join.within)
    groups, wanted = shared_groups(table_rows, rows, table.join.by)
    found = latest_readable(groups, event_times, available, wanted, moments, within=within)
    added = own_columns(table_rows).drop_columns(list(table.join.by))
    renamed = [table.join.prefix + column for column in added.column_names]
    clash = sorted(set(renamed) & set(rows.column_names))
    if clash:
        raise FeatureError(
            f"joining table {name!r} would give two columns the same name",
            found=", ".join(clash[:10]),
            allowed="names of its own for every joined column",
            remedy=f"set data.tables.{name}.join.prefix, such as {name}_",
        )
    positions = pa.array(found, mask=found < 0)
    for new_name, column in zip(renamed, added.columns, strict=True):
        rows = rows.append_column(new_name, column.take(positions))
    return rows
