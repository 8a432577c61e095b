"""Rows as a caller sends them, checked and brought to the plain Python values that features are computed from.

========== ====================================== =============================================================
a field    may be sent as                         and becomes
========== ====================================== =============================================================
string     text                                   text
integer    a whole number of 64 bits              an integer in a key or a joining column, a float elsewhere
number     a finite number                        a float
boolean    true or false                          a boolean
timestamp  an aware datetime, or ISO 8601 text    whole microseconds since 1970, UTC
========== ====================================== =============================================================

None is a missing value of any type, and so is NaN of a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite, isnan
from numbers import Integral, Real
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from evergreen.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
"""The one Arrow type of each word; that of source tables, too."""
EARLIEST, LATEST = datetime(1700, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC)
"""Moments between which every engine can count, whatever its unit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63
_EXACT = 2**53


@dataclass(frozen=True)
class RequestRows:
    """Checked rows, ready for features: lists of equal length, one value per row."""

    keys: list[str]
    """Text of each row's key, as in the table of features."""
    event_times: list[int]
    """Microseconds since 1970, UTC."""
    moments: list[int]
    """When each row is predicted: its event time less `predict_before`; microseconds since 1970, UTC."""
    columns: dict[str, list[object]]
    """What feature code sees, by the names and in the order of `OnlineFeatures.visible_types`: request fields, joined columns,
    `_event_time` and `_prediction_time`."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.keys)

    @classmethod
    def together(cls, parts: Sequence[RequestRows]) -> RequestRows:
        """Put the rows of several requests under each other; at least one, all checked by the same `OnlineFeatures`."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            keys=[key for part in parts for key in part.keys],
            event_times=[time for part in parts for time in part.event_times],
            moments=[moment for part in parts for moment in part.moments],
            columns={name: [value for part in parts for value in part.columns[name]] for name in parts[0].columns},
        )


def converted(name: str, kind: str, values: Sequence[object], absent: object) -> list[object]:
    """Return a field's values in their plain form; None where a row lacks it.

    Args:
        name: The field, for errors.
        kind: Its type in words.
        values: One value per row.
        absent: Stands for a field that a row does not have.

    Raises:
        RequestError: A value is of another type; the error names row and field.
    """
    return _CONVERTERS[kind](name, values, absent)


def _texts(name: str, values: Sequence[object], absent: object) -> list[object]:
    return [
        value if value.__class__ is str and value.isascii() else _text(name, row, value, absent)
        for row, value in enumerate(values)
    ]


def _text(name: str, row: int, value: object, absent: object) -> str | None:
    if value is None or value is absent:
        return None
    if not isinstance(value, str):
        _refuse(name, row, value, "text")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(name, row, value, "text that UTF-8 can write")
    return str(value)


def _numbers(name: str, values: Sequence[object], absent: object) -> list[object]:
    return [
        value if value.__class__ is float and value - value == 0.0 else _number(name, row, value, absent)
        for row, value in enumerate(values)
    ]


def _number(name: str, row: int, value: object, absent: object) -> float | None:
    if value is None or value is absent:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(name, row, value, "a number")
    if isinstance(value, Integral):
        if abs(int(value)) > _EXACT:
            _refuse(name, row, value, "a number; a whole one up to 2**53, beyond which floats round")
        return float(value)
    number = float(value)
    if isnan(number):
        return None
    if not isfinite(number):
        _refuse(name, row, value, "a finite number")
    return number


def _integers(name: str, values: Sequence[object], absent: object) -> list[object]:
    return [
        value if value.__class__ is int and -_EXACT < value < _EXACT else _integer(name, row, value, absent)
        for row, value in enumerate(values)
    ]


def _integer(name: str, row: int, value: object, absent: object) -> int | None:
    if value is None or value is absent:
        return None
    words = "a whole number of 64 bits"
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(name, row, value, words)
    if isinstance(value, Integral):
        whole = int(value)
    else:
        # Frames write whole numbers as floats where one of the column is missing.
        number = float(value)
        if isnan(number):
            return None
        if not number.is_integer():
            _refuse(name, row, value, words)
        whole = int(number)
    if not -_LARGEST <= whole < _LARGEST:
        _refuse(name, row, value, words)
    return whole


def _counted(name: str, values: Sequence[object], absent: object) -> list[object]:
    """Whole numbers that are no name of anything: feature code sees them as floats."""
    return [None if value is None else float(value) for value in _integers(name, values, absent)]  # type: ignore[arg-type]


def _booleans(name: str, values: Sequence[object], absent: object) -> list[object]:
    return [value if value.__class__ is bool else _boolean(name, row, value, absent) for row, value in enumerate(values)]


def _boolean(name: str, row: int, value: object, absent: object) -> bool | None:
    if value is None or value is absent:
        return None
    if type(value).__name__ in {"bool_", "bool"}:  # numpy's own, without asking numpy
        return bool(value)
    return _refuse(name, row, value, "true or false")


def _moments(name: str, values: Sequence[object], absent: object) -> list[object]:
    return [_moment(name, row, value, absent) for row, value in enumerate(values)]


def _moment(name: str, row: int, value: object, absent: object) -> int | None:
    if value is None or value is absent:
        return None
    moment = value
    words = "a moment with its offset, such as 2013-04-01T12:00:00Z"
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            _refuse(name, row, value, words)
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        _refuse(name, row, value, words)
    if not EARLIEST <= moment < LATEST:
        _refuse(name, row, value, f"a moment between the years {EARLIEST.year} and {LATEST.year}")
    since: timedelta = moment - _EPOCH
    return since // _MICROSECOND


def _refuse(name: str, row: int, value: object, allowed: str) -> NoReturn:
    raise RequestError(
        f"row {row}: field {name!r} is of another type",
        found=f"{type(value).__name__} {repr(value)[:80]}",
        allowed=f"{allowed}, or null",
        remedy="correct the field and send the request again; its schema says what every field is",
    )


_CONVERTERS: Mapping[str, Callable[[str, Sequence[object], object], list[object]]] = {
    "string": _texts,
    "integer": _integers,
    "count": _counted,
    "number": _numbers,
    "boolean": _booleans,
    "timestamp": _moments,
}
