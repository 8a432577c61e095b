"""Rows on their way into days and back: the three columns that place them, their types, their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from evergreen.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

DAY, DIGEST, POSITION = "_day", "_digest", "_position"


def stack_days(days: Mapping[date, pa.Table], digests: Mapping[date, str]) -> pa.Table:
    """Put days under each other, with the three columns that place each row.

    Raises:
        DataError: The days have different types.
    """
    placed = []
    for day, rows in days.items():
        count = rows.num_rows
        placed.append(
            rows.append_column(POSITION, pa.array(np.arange(count), pa.int64()))
            .append_column(DAY, pa.repeat(pa.scalar(day.isoformat()), count))
            .append_column(DIGEST, pa.repeat(pa.scalar(digests[day]), count))
        )
    try:
        return pa.concat_tables(placed, promote_options="default")
    except pa.ArrowException as error:
        raise _clash("days of one write have different types", str(error)[:300]) from error


def typed(rows: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """Bring rows to the columns and types of the days that stay, `schema`; None when none stay.

    Raises:
        DataError: A column has another type there, or none at all.
    """
    if schema is not None:
        for field in schema:
            if field.name not in rows.column_names:
                rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
            index = rows.schema.get_field_index(field.name)
            found = rows.schema.field(index).type
            if pa.types.is_null(found):
                rows = rows.set_column(index, field, pa.nulls(rows.num_rows, field.type))
            elif not found.equals(field.type) and not pa.types.is_nested(found):
                raise _clash(f"column {field.name!r} changed its type", f"{found} where other days have {field.type}")
    for field in rows.schema:
        if pa.types.is_null(field.type):
            raise _clash(f"column {field.name!r} has no type", "no value on any day")
    return rows


def mode_for(rows: pa.Table, schema: pa.Schema, *, stay: bool) -> Literal["merge", "overwrite"] | None:
    """Return how Delta Lake is to take typed rows: adding columns, replacing all of them, or as it is."""
    names = set(rows.column_names) - {DAY, DIGEST, POSITION}
    if stay:
        return "merge" if names - set(schema.names) else None
    same = names == set(schema.names) and all(rows.schema.field(field.name).type == field.type for field in schema)
    return None if same else "overwrite"


def in_order(rows: pa.Table) -> pa.Table:
    """Order rows by day and position, and give the day its type."""
    index = rows.schema.get_field_index(DAY)
    rows = rows.set_column(index, DAY, rows.column(DAY).cast(pa.string()).cast(pa.date32()))
    place = rows.column(DAY).cast(pa.int32()).to_numpy().astype(np.int64) << 40
    place |= rows.column(POSITION).to_numpy()
    if np.all(place[:-1] < place[1:]):
        return rows
    return rows.take(pa.array(np.argsort(place, kind="stable")))


def _clash(what: str, found: str) -> DataError:
    return DataError(
        what,
        found=found,
        allowed="one type per column on all days of a table",
        remedy="give the column one type in every day (for a source table: declare it under `columns`), then write all days",
    )
