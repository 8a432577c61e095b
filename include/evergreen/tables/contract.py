"""A source table's contract: columns and types. Types are checked; only what loses nothing is converted.

What is accepted where:

========== ============================================================================================
integer    whole numbers of any width, whole floats (pandas writes those where values are missing)
number     floats, whole numbers up to 2**53, decimals; NaN counts as missing
string     text in valid UTF-8
boolean    booleans; in CSV and SQL also 0 and 1, in CSV true and false
timestamp  moments of any precision, kept to the microsecond in UTC; without a time zone they are UTC already.
           CSV, JSON lines and SQL may spell them as ISO 8601 text
========== ============================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import LandingError
from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.column_text import (
    NULL_WORDS,
    Mismatch,
    examples,
    parse_boolean,
    parse_integer,
    parse_moment,
    parse_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.data import ColumnType

Source = Literal["parquet", "csv", "jsonl", "sql"]

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": TIMESTAMP,
}
WORDS: dict[str, str] = {
    "string": "text in UTF-8",
    "integer": "whole numbers",
    "number": "numbers, whole ones up to 2**53",
    "boolean": "true and false",
    "timestamp": "moments, in UTC where no time zone is given",
}


def conform(table: pa.Table, contract: Mapping[str, ColumnType], *, source: Source, where: str) -> pa.Table:
    """Return exactly the contract's columns in their one Arrow type each; other columns stay out.

    Args:
        table: Rows as they were read.
        contract: Type by column.
        source: What they were read from.
        where: The file or query, for errors.

    Raises:
        LandingError: A column is missing, is there twice, or holds what its type does not allow.
    """
    _refuse_missing(table.column_names, contract, where)
    columns = []
    for name, kind in contract.items():
        try:
            columns.append(_convert(table.column(name), kind, source))
        except Mismatch as error:
            raise LandingError(
                f"column {name!r} does not hold the type its contract says ({kind})",
                found=f"{where}: {error}",
                allowed=WORDS[kind],
                remedy=f"correct the source and run again; if it is right, change `columns: {{{name}: …}}` of the table",
            ) from error
    return pa.Table.from_arrays(columns, schema=pa.schema([(name, ARROW_TYPES[kind]) for name, kind in contract.items()]))


def infer_contract(tables: Sequence[tuple[str, pa.Table]], *, source: Source, moments: Sequence[str]) -> dict[str, ColumnType]:
    """Return the contract of tables that declare none: every column seen, each in the narrowest type that holds all of it.

    Args:
        tables: Where they come from and what was read there.
        source: What they were read from.
        moments: Columns that must be timestamps, whatever they look like.

    Raises:
        LandingError: A column has different types in different files, or one that no contract has.
    """
    found: dict[str, set[ColumnType]] = {}
    for where, table in tables:
        for name in table.column_names:
            kinds = found.setdefault(name, set())
            kind = "timestamp" if name in moments else _kind_of(table.column(name), source, f"{where}, column {name!r}")
            if kind is not None:
                kinds.add(kind)
    return {name: _widest(name, kinds, source) for name, kinds in found.items()}


def contract_of(schema: pa.Schema) -> dict[str, ColumnType]:
    """Return the contract that rows already kept stand for."""
    spelled: dict[pa.DataType, ColumnType] = {
        pa.string(): "string",
        pa.int64(): "integer",
        pa.float64(): "number",
        pa.bool_(): "boolean",
        TIMESTAMP: "timestamp",
    }
    return {field.name: spelled[field.type] for field in schema}


def _refuse_missing(names: Sequence[str], contract: Mapping[str, ColumnType], where: str) -> None:
    missing = [name for name in contract if name not in names]
    twice = sorted({name for name in contract if list(names).count(name) > 1})
    if missing or twice:
        word, columns = ("is missing", missing) if missing else ("is there twice", twice)
        listed = ", ".join(repr(name) for name in columns[:10])
        raise LandingError(
            f"column {listed} {word}" if len(columns) == 1 else f"columns {listed} {word.replace('is', 'are')}",
            found=f"{where}: {', '.join(names)}"[:1000],
            allowed=f"each once: {', '.join(contract)}"[:1000],
            remedy="correct the source and run again; if it is right, change `columns` of the table",
        )


def _convert(column: pa.ChunkedArray, kind: ColumnType, source: Source) -> pa.ChunkedArray:
    """Convert one column without loss, or raise Mismatch."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), ARROW_TYPES[kind])])
    if kind == "string":
        return _text(column)
    if source == "csv":
        parse = {"integer": parse_integer, "number": parse_number, "boolean": parse_boolean, "timestamp": parse_moment}
        return parse[kind](_text(column))
    if kind == "integer":
        return _integer(column)
    if kind == "number":
        return _number(column)
    if kind == "boolean":
        return _boolean(column, source)
    return _moment(column, source)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type)):
        raise Mismatch(f"{column.type}, such as {examples(column)}")
    try:
        column.validate(full=True)  # Parquet readers do not look whether text is UTF-8
    except pa.ArrowInvalid as error:
        raise Mismatch(f"text that is not UTF-8 ({str(error)[:200]})") from error
    return column.cast(pa.string())


def _integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise Mismatch(f"{kind}, such as {examples(column)}")
    if pa.types.is_floating(kind):
        column = _without_nan(column)
    try:
        return column.cast(pa.int64(), safe=True)
    except pa.ArrowInvalid as error:
        broken = column
        if pa.types.is_floating(kind):
            broken = column.filter(pc.not_equal(column, pc.round(column)))
        raise Mismatch(f"{kind} that no 64-bit integer holds, such as {examples(broken) or str(error)[:200]}") from error


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_nan(column.cast(pa.float64()))
    if not pa.types.is_integer(kind):
        raise Mismatch(f"{kind}, such as {examples(column)}")
    try:
        return column.cast(pa.float64(), safe=True)
    except pa.ArrowInvalid as error:
        raise Mismatch(f"whole numbers that a float would round ({str(error)[:200]})") from error


def _boolean(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type):
        return column
    if source == "sql" and pa.types.is_integer(column.type):
        broken = column.filter(pc.invert(pc.is_in(column, value_set=pa.array([0, 1], column.type), skip_nulls=False)))
        if not broken.drop_null():
            return column.cast(pa.bool_())
    raise Mismatch(f"{column.type}, such as {examples(column)}")


def _moment(column: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    kind = column.type
    if source in ("jsonl", "sql") and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return parse_moment(column)
    if not pa.types.is_timestamp(kind):
        raise Mismatch(f"{kind}, such as {examples(column)}")
    if kind.tz is None:
        column = pc.assume_timezone(column, "UTC")
    try:
        return column.cast(TIMESTAMP, safe=kind.unit != "ns")
    except pa.ArrowInvalid as error:
        raise Mismatch(f"moments out of range ({str(error)[:200]})") from error


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    nan = pc.is_nan(column)
    return pc.if_else(nan, pa.scalar(None, column.type), column) if pc.any(nan).as_py() else column


def _kind_of(column: pa.ChunkedArray, source: Source, where: str) -> ColumnType | None:
    """Return the type one column looks like; None when it holds no value."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if column.null_count == len(column):
        return None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string" if source == "parquet" else _kind_of_text(column.cast(pa.string()), source)
    tests: tuple[tuple[ColumnType, bool], ...] = (
        ("boolean", pa.types.is_boolean(kind)),
        ("integer", pa.types.is_integer(kind)),
        ("number", pa.types.is_floating(kind) or pa.types.is_decimal(kind)),
        ("timestamp", pa.types.is_timestamp(kind)),
    )
    for name, holds in tests:
        if holds:
            return name
    raise LandingError(
        "a column's type is none that a table can keep",
        found=f"{where}: {kind}",
        allowed=", ".join(WORDS),
        remedy="declare the columns that matter under `columns` of the table; others are left out",
    )


def _kind_of_text(column: pa.ChunkedArray, source: Source) -> ColumnType | None:
    parsers = {"integer": parse_integer, "number": parse_number, "timestamp": parse_moment}
    if source != "csv":
        parsers = {"timestamp": parse_moment}
    elif not column.filter(pc.invert(pc.is_in(column, value_set=pa.array(["true", "false", "True", "False"])))).drop_null():
        return "boolean"
    elif not column.filter(pc.invert(pc.is_in(column, value_set=pa.array(NULL_WORDS)))).drop_null():
        return None
    for kind, parse in parsers.items():
        try:
            parse(column)
        except Mismatch:
            continue
        return kind  # type: ignore[return-value]
    return "string"


def _widest(name: str, kinds: set[ColumnType], source: Source) -> ColumnType:
    if not kinds:
        return "string"
    if kinds == {"integer", "number"}:
        return "number"
    if len(kinds) == 1:
        return next(iter(kinds))
    if source == "csv":
        return "string"
    raise LandingError(
        f"column {name!r} has different types in different files",
        found=", ".join(sorted(kinds)),
        allowed="one type for all days",
        remedy=f"declare `columns: {{{name}: …}}` of the table, or correct the files",
    )
