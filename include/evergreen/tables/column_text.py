"""Columns of text that spell numbers, booleans or moments: parsed whole, or refused with examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable

NULL_WORDS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""What a missing value is called in a text column of another type; in a column of text only an unquoted nothing is missing."""
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_MOMENT = r"^\d{4}-\d{2}-\d{2}"
_OFFSET = r"[T ].*([Zz]|[+-]\d{2}(:?\d{2})?)$"
MAX_EXAMPLES = 5


class Mismatch(ValueError):
    """A column does not hold what it should; the text says what it holds."""


def examples(column: pa.ChunkedArray) -> str:
    """Return the first few different values, in words."""
    values = column.slice(0, 10_000).drop_null().unique().slice(0, MAX_EXAMPLES).to_pylist()
    return ", ".join(repr(value)[:40] for value in values)


def parse_number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return float64; NaN becomes null."""
    text = _trimmed(column)
    try:
        values = text.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise Mismatch(f"text that is no number, such as {_failing(text, float)}") from error
    nan = pc.is_nan(values)
    return pc.if_else(nan, pa.scalar(None, pa.float64()), values) if pc.any(nan).as_py() else values


def parse_integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return int64; `12.0` is a whole number too."""
    text = _trimmed(column)
    try:
        return text.cast(pa.int64())
    except pa.ArrowInvalid:
        numbers = parse_number(text)
    # Beyond 2**53 a float no longer tells whole numbers apart.
    whole = pc.and_(pc.equal(numbers, pc.round(numbers)), pc.less(pc.abs(numbers), float(2**53)))
    broken = text.filter(pc.invert(whole))
    if len(broken):
        raise Mismatch(f"numbers that no 64-bit integer holds, such as {examples(broken)}")
    return numbers.cast(pa.int64())


def parse_boolean(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return booleans from true, false, 1 and 0, in any case."""
    text = pc.utf8_lower(_trimmed(column))
    true = pc.is_in(text, value_set=pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(text, value_set=pa.array(_FALSE)))
    broken = text.filter(pc.invert(known)).drop_null()
    if len(broken):
        raise Mismatch(f"text that is neither true nor false, such as {examples(broken)}")
    return pc.if_else(pc.is_null(text), pa.scalar(None, pa.bool_()), true)


def parse_moment(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return moments in UTC from ISO 8601 text; without an offset it is UTC already."""
    text = _trimmed(column)
    broken = text.filter(pc.invert(pc.match_substring_regex(text, _MOMENT))).drop_null()
    if len(broken):
        raise Mismatch(f"text that is no ISO 8601 moment, such as {examples(broken)}")
    # pandas gives a moment without an offset the offset of the one before it, so that each gets its own.
    bare = pc.invert(pc.match_substring_regex(text, _OFFSET))
    dated = pc.match_substring_regex(text, _MOMENT + "$")
    whole = pc.if_else(dated, pc.binary_join_element_wise(text, "T00:00", ""), text)
    whole = pc.if_else(bare, pc.binary_join_element_wise(whole, "Z", ""), whole)
    try:
        moments = pd.to_datetime(whole.to_pandas(), utc=True, format="ISO8601")
    except (ValueError, OverflowError) as error:
        raise Mismatch(f"text that is no ISO 8601 moment, such as {_failing(text, _moment)}") from error
    return pa.chunked_array([pa.Array.from_pandas(moments, type=pa.timestamp("ns", "UTC"))]).cast(TIMESTAMP, safe=False)


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, value_set=pa.array(NULL_WORDS)), pa.scalar(None, pa.string()), text)


def _failing(text: pa.ChunkedArray, parse: Callable[[str], object]) -> str:
    failing: list[str] = []
    for value in text.drop_null().unique().to_pylist():
        try:
            parse(value)
        except ValueError:
            failing.append(repr(value)[:40])
        if len(failing) == MAX_EXAMPLES:
            break
    return ", ".join(failing) or examples(text)


def _moment(text: str) -> object:
    return pd.to_datetime([text], utc=True, format="ISO8601")
