"""The rows of a source table that a run may read: available at its as-of, not quarantined, without declared duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY, DIGEST, POSITION, REFERENCE_DAY, DayTable
from evergreen.tables.duplicates import dropped_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.data import Table
    from evergreen.files import Files
    from evergreen.results import Snapshot, TableVersion

ROW_ID = "_row_id"
EVENT_TIME, AVAILABLE_AT = "_event_time", "_available_at"


def read_rows(
    definition: ModelDefinition,
    snapshot: Snapshot,
    table: str,
    files: Files,
    *,
    quarantine: Mapping[str, TableVersion] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> pa.Table:
    """Return the rows of one table that may be read at `snapshot.as_of`.

    A row is readable when it became available at or before the as-of; rows of a reference table always are. Of the readable
    rows of each day, the declared de-duplication drops copies; then quarantined rows are left out.

    Args:
        definition: The model definition.
        snapshot: The versions to read.
        table: Name of a table of the definition.
        files: Where the tables are.
        quarantine: Per table that has any: the version that holds its quarantined `_row_id`s.
        first_day: First partition to read; default the window's first. Ignored for a reference table.
        last_day: Last partition to read; default the window's last.

    Returns:
        The table's own columns, then `_day` (date32, the partition), `_row_id` (text, stable), `_event_time` and
        `_available_at` (moments in UTC; null for a reference table), ordered by day and delivery.
    """
    declared = definition.data.tables[table]
    version = snapshot.tables[table]
    days = _days(declared, snapshot, first_day, last_day)
    raw = DayTable(version.uri, files)
    present = [day for day in raw.partitions(version.version) if days[0] <= day <= days[1]]
    rows = _place(raw.read(version.version, days=present), declared)
    if not declared.is_reference:
        rows = rows.filter(pc.less_equal(rows.column(AVAILABLE_AT), pa.scalar(snapshot.as_of, TIMESTAMP)))
    rules = definition.validation.tables.get(table)
    if rules is not None and rules.deduplicate != "none":
        rows = _without_copies(rows, declared, rules.deduplicate)
    if quarantine and table in quarantine:
        rows = _without_quarantined(rows, quarantine[table], present, files)
    return rows


def row_ids(rows: pa.Table) -> pa.Array:
    """Return `<day>-<first 8 of the day's digest>-<position>` for rows that a DayTable returned: text, shape (n_rows,).

    A partition never changes under its digest, and so an id names the same row in every run.
    """
    if not rows.num_rows:
        return pa.array([], pa.string())
    day = pc.strftime(rows.column(DAY), format="%Y%m%d")
    digest = pc.utf8_slice_codeunits(rows.column(DIGEST), 0, 8)
    joined = pc.binary_join_element_wise(day, digest, rows.column(POSITION).cast(pa.string()), "-")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def availability(rows: pa.Table, table: Table) -> tuple[pa.Array, pa.Array]:
    """Return when each row's event was and when the row became readable: two arrays of moments, shape (n_rows,).

    A missing event time makes both null, and such a row is never readable; both are null for a reference table.
    """
    if table.event_time is None:
        nothing = pa.nulls(rows.num_rows, TIMESTAMP)
        return nothing, nothing
    event = rows.column(table.event_time).cast(TIMESTAMP)
    if table.available_at is not None:
        return event, rows.column(table.available_at).cast(TIMESTAMP)
    return event, pc.add(event, pa.scalar(table.available_after, pa.duration("us"))).cast(TIMESTAMP)


def _days(table: Table, snapshot: Snapshot, first_day: date | None, last_day: date | None) -> tuple[date, date]:
    if table.is_reference:
        return REFERENCE_DAY, REFERENCE_DAY
    first = snapshot.first_day if first_day is None else max(first_day, snapshot.first_day)
    last = snapshot.last_day if last_day is None else min(last_day, snapshot.last_day)
    return first, last


def _place(rows: pa.Table, table: Table) -> pa.Table:
    event, available = availability(rows, table)
    names = [name for name in rows.column_names if name not in (DAY, DIGEST, POSITION)]
    placed = rows.select([*names, DAY]).append_column(ROW_ID, row_ids(rows))
    return placed.append_column(EVENT_TIME, event).append_column(AVAILABLE_AT, available)


def _without_copies(rows: pa.Table, table: Table, deduplicate: Literal["exact", "keep_last"]) -> pa.Table:
    columns = [name for name in rows.column_names if name not in (DAY, ROW_ID, EVENT_TIME, AVAILABLE_AT)]
    # Copies are looked for within a day: what other days hold, or which of them are read, must not change an answer.
    frame = rows.select([*columns, DAY]).to_pandas()
    dropped = dropped_rows(frame, deduplicate, key=[*table.key, DAY], columns=[*columns, DAY])
    return rows.filter(pa.array(~dropped))


def _without_quarantined(rows: pa.Table, version: TableVersion, days: list[date], files: Files) -> pa.Table:
    aside = DayTable(version.uri, files).read(version.version, days=days, columns=[ROW_ID]).column(ROW_ID)
    if not len(aside):
        return rows
    return rows.filter(pa.array(~np.asarray(pc.is_in(rows.column(ROW_ID), value_set=aside))))
