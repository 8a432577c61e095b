"""Which rows break an expectation, by our own arithmetic, for the expectations that are used most.

Great Expectations counts the failing rows; these functions find them. Both counts must agree, or the expectation counts as
not judged. An expectation that is not here falls back on Great Expectations' own list of rows, which is slow and, for
some, incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    # pandas' own types cannot follow arithmetic on columns of any type.
    Mask = Callable[[pd.DataFrame, Mapping[str, Any]], Any]


def failing_mask(expectation: str, arguments: Mapping[str, Any], frame: pd.DataFrame) -> NDArray[np.bool_] | None:
    """Return the rows that break an expectation about single rows.

    Args:
        expectation: Class name.
        arguments: Its arguments, as in the definition.
        frame: Rows, n_rows of them.

    Returns:
        Array of shape (n_rows,), or None when there is no rule of our own for these arguments.
    """
    rule = _RULES.get(expectation)
    if rule is None or arguments.get("row_condition") is not None:
        return None
    try:
        failing = rule(frame, arguments)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None  # the same data makes Great Expectations say, in its own words, why it cannot judge them
    return np.asarray(failing, dtype=np.bool_)


def has_own_mask(expectation: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether `failing_mask` knows an expectation."""
    return expectation in _RULES and arguments.get("row_condition") is None


def _between(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & ~_inside(values, arguments)


def _lengths(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & ~_inside(values.astype(str).str.len(), arguments)


def _inside(values: Any, arguments: Mapping[str, Any]) -> Any:
    inside = pd.Series(data=True, index=values.index)
    low, high = (_bound(values, arguments.get(name)) for name in ("min_value", "max_value"))
    if low is not None:
        inside &= values > low if arguments.get("strict_min") else values >= low
    if high is not None:
        inside &= values < high if arguments.get("strict_max") else values <= high
    return inside


def _bound(values: pd.Series, bound: Any) -> Any:
    if bound is not None and isinstance(values.dtype, pd.DatetimeTZDtype):
        moment = pd.Timestamp(bound)
        return moment if moment.tzinfo else moment.tz_localize("UTC")
    return bound


def _not_in_set(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & ~values.isin(arguments["value_set"])


def _in_set(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & values.isin(arguments["value_set"])


def _matches(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & values.astype(str).str.contains(arguments["regex"])


def _matches_not(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & ~values.astype(str).str.contains(arguments["regex"])


def _length_differs(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Any:
    values = frame[arguments["column"]]
    return values.notna() & (values.astype(str).str.len() != arguments["value"])


_RULES: dict[str, Mask] = {
    "ExpectColumnValuesToNotBeNull": lambda frame, arguments: frame[arguments["column"]].isna(),
    "ExpectColumnValuesToBeNull": lambda frame, arguments: frame[arguments["column"]].notna(),
    "ExpectColumnValuesToBeBetween": _between,
    "ExpectColumnValueLengthsToBeBetween": _lengths,
    "ExpectColumnValueLengthsToEqual": _length_differs,
    "ExpectColumnValuesToBeInSet": _not_in_set,
    "ExpectColumnValuesToNotBeInSet": _in_set,
    "ExpectColumnValuesToMatchRegex": _matches_not,
    "ExpectColumnValuesToNotMatchRegex": _matches,
}
