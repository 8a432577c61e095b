"""The Arrow types a table may keep, and the lossless way to them."""

from __future__ import annotations

import pyarrow as pa

from evergreen.errors import DataError

TIMESTAMP = pa.timestamp("us", tz="UTC")
"""The one type of moments."""

_KEPT = (
    pa.types.is_boolean,
    pa.types.is_signed_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_string,
    pa.types.is_binary,
    pa.types.is_date32,
    pa.types.is_null,
)


def kept_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type in which values of `kind` are kept, or None when there is no lossless one.

    Delta Lake would take unsigned integers and quietly reinterpret their bits; they are widened or refused here.
    """
    if pa.types.is_dictionary(kind):
        return kept_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_timestamp(kind):
        return TIMESTAMP if kind.tz is not None else None
    if pa.types.is_unsigned_integer(kind):
        return {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}.get(kind.bit_width)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kept_type(kind.value_type)
        return pa.list_(inner) if inner is not None and not pa.types.is_null(inner) else None
    return kind if any(test(kind) for test in _KEPT) else None


def keepable(table: pa.Table) -> pa.Table:
    """Return the table in types that can be kept, values unchanged.

    Raises:
        DataError: A column has no lossless type, or its values do not fit, such as moments finer than a microsecond.
    """
    columns = []
    for field in table.schema:
        kind = kept_type(field.type)
        if kind is None:
            raise _refuse(field.name, str(field.type))
        try:
            columns.append(table.column(field.name).cast(kind, safe=True))
        except pa.ArrowInvalid as error:
            raise _refuse(field.name, f"{field.type}: {str(error)[:200]}") from error
    return pa.Table.from_arrays(columns, names=table.column_names)


def _refuse(column: str, found: str) -> DataError:
    return DataError(
        f"column {column!r} cannot be kept without changing its values",
        found=found,
        allowed="text, bytes, booleans, signed integers, 32 or 64 bit floats, dates, moments with a time zone, lists of these",
        remedy="convert the column before it is written",
    )
