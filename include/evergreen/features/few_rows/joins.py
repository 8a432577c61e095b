"""Left joins with frames that do not depend on the request: tables from key to row, prepared once."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.features.few_rows.kinds import (
    IDENTIFIER,
    MAYBE,
    NUMBER,
    OTHER,
    PER_SECOND,
    SEALED_NUMBER,
    SEALED_TEXT,
    TEXT,
    Form,
    Kind,
    moment,
    refuse,
    whole,
)
from evergreen.features.few_rows.plan import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.features.few_rows.plan import Plan

_WIDTHS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def left_join(
    plan: Plan,
    columns: dict[str, Column],
    right: pd.DataFrame,
    left_on: Sequence[str],
    right_on: Sequence[str],
    suffix: str,
) -> dict[str, Column]:
    """Find for every row the one row of `right` with its key.

    Args:
        plan: Where the steps go.
        columns: The left frame.
        right: The right one, the same for every request; a row with a missing key is never found.
        left_on: Key columns of the left frame.
        right_on: Key columns of the right frame, in the same order.
        suffix: Given to columns of the right frame whose name the left one has as well.

    Raises:
        NotForFewRows: A key is there twice, keys cannot be compared, or two columns would have the same name.
    """
    if any(right_name in left_on and right_name != left for left, right_name in zip(left_on, right_on, strict=True)):
        raise refuse("a join of crossed keys")
    right = right.dropna(subset=list(right_on), how="any")
    keys = [columns[name] for name in left_on]
    positions = _positions(keys, [right[name] for name in right_on])
    found = plan.add("find", _finder(positions, len(keys)), keys, whole(), parameters=(_Same(right, tuple(right_on)),))
    joined = dict(columns)
    for name in right.columns:
        if name in right_on:
            continue
        new_name = name + suffix if name in columns else name
        if new_name in joined:
            raise refuse(f"two columns called {new_name}")
        joined[new_name] = _taken(plan, found, right[name])
    _check_key_names(columns, left_on, right_on, suffix, joined)
    return joined


def _check_key_names(
    columns: dict[str, Column], left_on: Sequence[str], right_on: Sequence[str], suffix: str, joined: dict[str, Column]
) -> None:
    """Right keys of another name are dropped again; on the way there they must not meet another column."""
    for left, right in zip(left_on, right_on, strict=True):
        dropped = f"{right}{suffix}" if right in columns else right
        if left != right and dropped in joined:
            raise refuse(f"two columns called {dropped}")


class _Same:
    """A frame as the parameter of a step: the same if all its values are."""

    def __init__(self, frame: pd.DataFrame, keys: tuple[str, ...]) -> None:
        self._frame, self._keys = frame, keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._keys == other._keys and self._frame.equals(other._frame)

    def __hash__(self) -> int:
        return hash((self._keys, len(self._frame), tuple(self._frame.columns)))


def _positions(keys: Sequence[Column], right: Sequence[pd.Series[Any]]) -> dict[Any, int]:
    parts = [_comparable(key.kind, series) for key, series in zip(keys, right, strict=True)]
    rows: list[Any] = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
    positions = {key: position for position, key in enumerate(rows)}
    if len(positions) < len(rows):
        raise refuse("a join with a frame that has a key twice")
    return positions


def _comparable(left: Kind, right: pd.Series[Any]) -> list[Any]:
    """Return the right key's values such that equal keys are equal in Python, as they are in pandas."""
    kind, values = read(right)
    if left.form is Form.TEXT and kind == TEXT:
        return values
    if left.form is Form.MOMENT and kind.form is Form.MOMENT and left.zone == kind.zone:
        ours, theirs = PER_SECOND[left.unit], PER_SECOND[kind.unit]
        return [v * ours // theirs if v * ours % theirs == 0 else (v, theirs) for v in values]
    if left.is_number and kind.is_number:
        return values
    if left == IDENTIFIER and (kind == IDENTIFIER or kind.form is Form.WHOLE):
        return values
    raise refuse(f"a join of {left.form.name} with {right.dtype}")


def _finder(positions: dict[Any, int], n_keys: int) -> Any:
    find = positions.get
    if n_keys == 1:
        return lambda values: [find(value, -1) for value in values]
    return lambda *values: [find(key, -1) for key in zip(*values, strict=True)]


def _taken(plan: Plan, found: Column, series: pd.Series[Any]) -> Column:
    """Add the step that takes a column's values; the one after the last stands for what was not found."""
    kind, values = read(series)
    if kind == OTHER:
        return Column(OTHER, -1)
    name = ("take", series.name)
    if kind.form is Form.WHOLE:
        floats = [*map(float, values), nan]

        def kernel(positions: list[int]) -> list[Any]:
            return [floats[row] for row in positions] if -1 in positions else [values[row] for row in positions]

        return plan.add("take", kernel, (found,), kind, parameters=name)
    ended = [*values, nan if kind.form is Form.NUMBER else None]
    return plan.add("take", lambda positions: [ended[row] for row in positions], (found,), kind, parameters=name)


def read(series: pd.Series[Any]) -> tuple[Kind, list[Any]]:
    """Return a pandas column as a kind and plain values."""
    dtype = series.dtype
    if dtype == "float64":
        return NUMBER, series.tolist()
    if str(dtype) in _WIDTHS:
        small = not len(series) or max(abs(int(series.min())), abs(int(series.max()))) <= 2**53
        return (whole(_WIDTHS[str(dtype)]), series.tolist()) if small else (OTHER, [])
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        zone = str(dtype.tz) if isinstance(dtype, pd.DatetimeTZDtype) else None
        unit = str(dtype.unit) if isinstance(dtype, pd.DatetimeTZDtype) else str(dtype)[11:-1]
        counted = series.astype("int64").tolist()
        return moment(unit, zone), [None if gone else v for v, gone in zip(counted, series.isna(), strict=True)]
    present = [None if gone else value for value, gone in zip(series.tolist(), series.isna(), strict=True)]
    if isinstance(dtype, pd.BooleanDtype | pd.Int64Dtype):
        return (MAYBE if isinstance(dtype, pd.BooleanDtype) else IDENTIFIER), present
    is_object = pd.api.types.is_object_dtype(dtype)
    given = {type(value) for value in present if value is not None}
    if is_object and given <= {str}:
        return TEXT, present
    if given <= {str}:
        return SEALED_TEXT, present
    if given <= {bool} or (given <= {int, float} and not is_object):
        return SEALED_NUMBER, present
    return OTHER, []
