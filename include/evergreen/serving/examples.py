"""Request rows to warm up with and to show in the docs: made of values that the release itself knows."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from evergreen.reference_profile import CategoryProfile, NumericProfile

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from evergreen.online_inputs import OnlineInputs
    from evergreen.reference_profile import ReferenceProfile

EXAMPLE_ROWS = 32
_VALUES = 16
"""Different values taken per field."""
_TEXT = "example"


def example_rows(
    inputs: OnlineInputs, profile: ReferenceProfile, *, key: Collection[str], event_time: str, count: int = EXAMPLE_ROWS
) -> dict[str, list[object]]:
    """Return request rows by field: the first ones whole, the later ones with a missing value here and there.

    A field's values are those that the published tables hold under its name (a carrier that has a record), else those of the
    training rows where it is itself a feature, else made up.

    Args:
        inputs: What was published for the release.
        profile: What the release has learned from.
        key: Fields that name a row; they get values of their own.
        event_time: The field that says when; rows lie in the day after the night of the inputs.
        count: How many rows.
    """
    columns: dict[str, list[object]] = {}
    for position, (name, kind) in enumerate(inputs.row_types.items()):
        known = _known_values(name, kind, inputs) or _learned_values(name, kind, profile)
        values = known or _made_up(kind, inputs.as_of)
        # Every value comes, and not always beside the same value of another field.
        columns[name] = [values[(number + position * (number // len(values))) % len(values)] for number in range(count)]
        if kind == "timestamp" and (name == event_time or not known):
            columns[name] = [inputs.as_of + timedelta(hours=6, minutes=37 * number) for number in range(count)]
        elif name in key and not known:
            columns[name] = [_numbered(kind, number) for number in range(count)]
        elif name not in key:
            columns[name] = [_gap(value, number, position) for number, value in enumerate(columns[name])]
    return columns


def as_json_rows(columns: Mapping[str, Sequence[object]], count: int) -> list[dict[str, object]]:
    """Return the first rows, each with its fields, as JSON takes them."""
    rows = zip(*(islice(values, count) for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _gap(value: object, number: int, position: int) -> object:
    """Leave a value out in some of the later rows, another field in each."""
    return None if number >= EXAMPLE_ROWS // 4 and (number + position) % 5 == 0 else value


def _known_values(name: str, kind: str, inputs: OnlineInputs) -> list[object]:
    for table in (*inputs.entities.values(), *inputs.joined.values()):
        if name in table.column_names:
            found = table.column(name).slice(0, 4096).unique().drop_null().slice(0, _VALUES).to_pylist()
            values = [value for value in found if _fits(value, kind)]
            if values:
                return [int(value) if kind == "integer" else value for value in values]
    return []


def _learned_values(name: str, kind: str, profile: ReferenceProfile) -> list[object]:
    learned = profile.features.get(name)
    if isinstance(learned, CategoryProfile) and kind == "string":
        rows = {value: sum(by_weekday) for value, by_weekday in learned.counts.items()}
        ordered: list[str] = sorted(rows, key=lambda value: (-rows[value], value))
        return list(ordered[:_VALUES])
    if isinstance(learned, NumericProfile) and kind in ("number", "integer") and learned.values:
        step = max(1, len(learned.values) // _VALUES)
        numbers = learned.values[step // 2 :: step][:_VALUES]
        return [round(number) if kind == "integer" else number for number in numbers]
    return []


def _made_up(kind: str, as_of: datetime) -> list[object]:
    made: dict[str, list[object]] = {
        "string": [_TEXT],
        "integer": [1200, 7, 815],
        "number": [1.5, 20.25, -3.0],
        "boolean": [True, False],
        "timestamp": [as_of],
    }
    return made[kind]


def _numbered(kind: str, number: int) -> object:
    return f"{_TEXT}-{number + 1}" if kind == "string" else number + 1


def _fits(value: object, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return False
