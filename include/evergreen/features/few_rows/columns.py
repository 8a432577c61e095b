"""Values on their way in and out: what a request gives becomes lists that steps understand, what they make becomes features."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from math import inf, nan
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import IDENTIFIER, MAYBE, NUMBER, TEXT, Form, Kind, moment, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from evergreen.features.few_rows.plan import Column, Values

    Reader = Callable[[Sequence[Any]], list[Any]]
    Writer = Callable[[Values, int], list[Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def kind_of_field(name: str, type_name: str, identifiers: Collection[str] | None) -> Kind:
    """Return what a column of the request is in the frame that pandas would be given (see `features.frames`).

    Args:
        name: Its name.
        type_name: string, integer, number, boolean or timestamp.
        identifiers: Columns whose integers stay integers; not knowing them, none are treated as numbers.
    """
    if type_name == "integer":
        return IDENTIFIER if identifiers is None or name in identifiers else NUMBER
    kinds = {"string": TEXT, "number": NUMBER, "boolean": MAYBE, "timestamp": moment()}
    if type_name not in kinds:
        raise refuse(f"a field of type {type_name}")
    return kinds[type_name]


def reader(kind: Kind) -> Reader:
    """Return what makes the list that steps take out of a request's values.

    Numbers become `float` with NaN for missing. Moments become microseconds since 1970; they may be given as such, which is
    fastest, or as aware datetimes. Anything else stays as it is, with None for missing.
    """
    if kind.form is Form.NUMBER:
        return _read_numbers
    if kind.form is Form.MOMENT:
        return _read_moments
    return list


def _read_numbers(values: Sequence[Any]) -> list[Any]:
    return [nan if value is None else float(value) for value in values]


def _read_moments(values: Sequence[Any]) -> list[Any]:
    return [value if type(value) is int or value is None else (value - _EPOCH) // _MICROSECOND for value in values]


def writer(name: str, column: Column, *, as_category: bool) -> Writer:
    """Return what makes a feature out of a column's values, as `features.returned.to_columns` does.

    Args:
        name: The feature.
        column: What it is.
        as_category: Whether numbers are handed on as text.

    Raises:
        NotForFewRows: It is neither a number nor text.
    """
    kind = column.kind
    if kind == TEXT or (kind.form is Form.SEALED and kind.is_text):
        return _every_row(_write_text) if column.literal else _write_text
    if kind.form in (Form.MOMENT, Form.SPAN, Form.OTHER):
        raise refuse(f"feature {name!r} is neither a number nor text")
    write: Writer = _write_floats if kind == NUMBER else _write_numbers
    if as_category:
        write = _in_words(write)
    return _every_row(write) if column.literal else write


def _every_row(write: Writer) -> Writer:
    """A literal stands in every row."""
    return lambda values, n_rows: write(list(islice(values, n_rows)), n_rows)


def _write_text(values: Values, n_rows: int) -> list[Any]:
    return list(values)


def _write_floats(values: Values, n_rows: int) -> list[Any]:
    return [value if -inf < value < inf else None for value in values]


def _write_numbers(values: Values, n_rows: int) -> list[Any]:
    return [float(value) if value is not None and -inf < value < inf else None for value in values]


def _in_words(write: Writer) -> Writer:
    def words(values: Values, n_rows: int) -> list[Any]:
        numbers = write(values, n_rows)
        return [None if v is None else str(int(v)) if v.is_integer() else repr(v) for v in numbers]

    return words
