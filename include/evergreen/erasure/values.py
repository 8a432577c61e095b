"""How a value is written before it is hashed: the same for the same value, wherever it comes from."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from evergreen.definitions.data import ColumnType

MISSING = ""
"""What a missing value is written as; no value is."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str, kind: ColumnType) -> str | int | float | bool | datetime:
    """Return what somebody typed as a value of a column's type.

    Raises:
        ValueError: It is none.
    """
    if kind == "string":
        return text
    if kind == "boolean":
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _no_boolean(text)
    if kind == "timestamp":
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return int(text) if kind == "integer" else float(text)


def _no_boolean(text: str) -> bool:
    raise ValueError(f"{text!r} is neither true nor false")


def written(value: object) -> str:
    """Return a plain value's text with its kind before it: `s:7` is text and `n:7` a number, whole or not."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return f"s:{value}"
    if isinstance(value, bool):
        return f"b:{'true' if value else 'false'}"
    if isinstance(value, datetime):
        return f"t:{(value.astimezone(UTC) - _EPOCH).total_seconds():.6f}"
    if isinstance(value, float):
        return f"n:{int(value)}" if value.is_integer() else f"n:{value!r}"
    return f"n:{value}" if isinstance(value, int) else f"o:{value}"


def ways_to_write(value: object) -> list[str]:
    """Return the ways in which a field of a logged request may have been meant: a moment is written as text there."""
    ways = [written(value)]
    if isinstance(value, str) and value[:1].isdigit():
        with contextlib.suppress(ValueError):
            ways.append(written(parse(value, "timestamp")))
    return ways


def written_column(column: pa.ChunkedArray) -> list[str]:
    """Return every value of a column, written."""
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    encoded = column.combine_chunks()
    encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
    texts = [written(value) for value in encoded.dictionary.to_pylist()]
    return [MISSING if place is None else texts[place] for place in encoded.indices.to_pylist()]
