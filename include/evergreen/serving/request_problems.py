"""Everything that is wrong with some rows, by row and field: the slow road, taken only once the fast one has said no."""

from __future__ import annotations

import difflib
import math
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from evergreen.errors import FieldProblem
from evergreen.serving.refusals import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

MAX_PROBLEMS = 20
"""Most mistakes that are listed."""
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Years a moment may lie in."""
WORDS = {
    "string": "text",
    "integer": "a whole number from -2^63 to 2^63 - 1",
    "number": "a finite number",
    "boolean": "true or false",
    "timestamp": f"a moment with its offset from UTC, such as 2026-05-02T14:30:00Z, in the years {FIRST_YEAR} to {LAST_YEAR}",
}


class RowReader:
    """Reads rows of plain JSON values.

    Args:
        row_types: Field → type, all of them required.
        optional_types: Field → type of what may be left out.
        required_values: Fields that may not be null.
    """

    def __init__(
        self, row_types: Mapping[str, str], optional_types: Mapping[str, str], required_values: Collection[str]
    ) -> None:
        self._row_types = row_types
        self._types = {**row_types, **optional_types}
        self._required_values = required_values

    def read(self, rows: Sequence[object]) -> tuple[list[dict[str, object]], list[FieldProblem]]:
        """Return rows whose values have their fields' types, and the first `MAX_PROBLEMS` mistakes; rows only without any."""
        read: list[dict[str, object]] = []
        problems: list[FieldProblem] = []
        for number, row in enumerate(rows):
            values: dict[str, object] = {}
            problems += self._read_row(number, row, values)
            if len(problems) >= MAX_PROBLEMS:
                return [], problems[:MAX_PROBLEMS]
            read.append(values)
        return ([] if problems else read), problems

    def _read_row(self, number: int, row: object, values: dict[str, object]) -> Iterator[FieldProblem]:
        if not isinstance(row, dict):
            yield FieldProblem(number, "", "a row is not an object", echo(row), "one field for each column")
            return
        for name in self._row_types:
            if name not in row:
                yield FieldProblem(number, name, f"field {name!r} is missing", "nothing", self._allowed(name))
        for name, value in row.items():
            if name not in self._types:
                yield FieldProblem(number, str(name), *self._unknown(str(name)))
                continue
            read = _READERS[self._types[name]](value) if value is not None else None
            if read is None and (value is not None or name in self._required_values):
                yield FieldProblem(number, name, f"field {name!r} has a wrong value", echo(value), self._allowed(name))
            values[name] = read

    def _allowed(self, name: str) -> str:
        words = WORDS[self._types[name]]
        return words if name in self._required_values else f"{words}, or null"

    def _unknown(self, name: str) -> tuple[str, str, str]:
        near = difflib.get_close_matches(name, self._types, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"there is no field {echo(name)}{hint}", echo(name), ", ".join(list(self._types)[:60])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    whole = int(value)
    return whole if -(2**63) <= whole < 2**63 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return value if FIRST_YEAR <= value.year <= LAST_YEAR else None


_READERS: dict[str, Callable[[object], object]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _moment,
}
