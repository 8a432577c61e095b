"""What `row_features` returned, checked against its contract and brought to two kinds of column: number and text."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

logger = logging.getLogger(__name__)

_NUMBERS = {"integer", "floating", "mixed-integer-float", "boolean", "decimal"}
_REMEDY = "change what `row_features` returns"


def check_frame(frame: pd.DataFrame, n_rows: int, *, forbidden: Collection[str]) -> None:
    """Refuse a frame that does not belong to its rows.

    Args:
        frame: What `row_features` returned.
        n_rows: How many rows it was given, with an index of 0 to n_rows - 1.
        forbidden: Names a feature may not have: keys and the label.

    Raises:
        FeatureError: Rows were lost, doubled or moved, or a name is doubled, reserved or forbidden.
    """
    if len(frame) != n_rows:
        _refuse("`row_features` must return one row per row", f"{len(frame)} rows for {n_rows}", "as many rows as it was given")
    if not frame.index.equals(pd.RangeIndex(n_rows)):
        first = ", ".join(str(label) for label in frame.index[:5])
        _refuse("`row_features` changed the index or the order of its rows", f"an index of {first} …", "the index of `rows`")
    names = list(frame.columns)
    if not names:
        _refuse("`row_features` returned no feature", "a frame without columns", "at least one column")
    wrong = [repr(name) for name in names if not _is_usable(name)]
    if wrong:
        _refuse("a feature has no usable name", ", ".join(wrong[:10]), "text that does not begin with an underscore")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        _refuse("two features have the same name", ", ".join(doubled[:10]), "every name once")
    taken = sorted(set(names) & set(forbidden))
    if taken:
        _refuse("a feature has the name of a key or of the label", ", ".join(taken[:10]), "any other name")


def _is_usable(name: object) -> bool:
    return isinstance(name, str) and name != "" and not name.startswith("_")


def to_columns(frame: pd.DataFrame, *, categorical: Collection[str] = ()) -> pa.Table:
    """Bring a checked frame to numbers and text.

    Whole numbers and booleans become `float64`; infinite values become missing, with a warning, because a division by zero
    tells nothing a model could use. Text and categories become strings, as do the columns named in `categorical`.

    Args:
        frame: What `row_features` returned, n_rows of them.
        categorical: Numeric features to be treated as categories.

    Returns:
        Table of n_rows rows: `float64`, `string`, or `null` where every value is missing and the dtype tells nothing.

    Raises:
        FeatureError: A column holds neither numbers nor text, or a mixture.
    """
    columns = {str(name): _column(str(name), frame[name]) for name in frame.columns}
    for name in categorical:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            _refuse(
                f"`features.categorical` names {name!r}, which is no feature{hint}",
                f"features {', '.join(list(columns)[:60])}",
                "names that `row_features` returns",
                "correct `features.categorical` in model.yaml",
            )
        if pa.types.is_floating(columns[name].type):
            columns[name] = _as_categories(columns[name])
    return pa.table(columns)


def _column(name: str, values: pd.Series) -> pa.Array:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("float64" if pd.api.types.is_numeric_dtype(values.cat.categories.dtype) else object)
    if isinstance(values.dtype, pd.ArrowDtype):
        values = (
            values.astype("string")
            if _is_arrow_text(values.dtype.pyarrow_dtype)
            else values.convert_dtypes(dtype_backend="numpy_nullable")
        )
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        return pa.array(values, pa.string(), from_pandas=True)
    if pd.api.types.is_bool_dtype(dtype) or (pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)):
        return _numbers(name, values)
    if dtype != np.dtype(object):
        _refuse_kind(name, f"dtype {dtype}", values)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "empty":
        return pa.nulls(len(values))
    if kind == "string":
        return pa.array(values, pa.string(), from_pandas=True)
    if kind in _NUMBERS:
        return _numbers(name, values.astype("float64"))
    return _refuse_kind(name, f"{kind} values", values)


def _is_arrow_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _numbers(name: str, values: pd.Series) -> pa.Array:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    infinite = np.isinf(numbers)
    if infinite.any():
        logger.warning("feature %s: %d infinite values became missing", name, int(infinite.sum()))
        numbers[infinite] = np.nan
    return pa.array(numbers, pa.float64(), from_pandas=True)


def _as_categories(numbers: pa.Array) -> pa.Array:
    texts = [None if value is None else str(int(value)) if value.is_integer() else repr(value) for value in numbers.to_pylist()]
    return pa.array(texts, pa.string())


def _refuse_kind(name: str, what: str, values: pd.Series) -> NoReturn:
    kinds = sorted({type(value).__name__ for value in values.dropna().head(10_000)})
    examples = ", ".join(repr(value)[:40] for value in values.dropna().head(5))
    _refuse(
        f"feature {name!r} is neither a number nor text",
        f"{what}: {', '.join(kinds[:5])}, such as {examples}",
        "numbers, booleans, text or categories, one kind in a column",
        "turn moments into hours or days and lists into one column each, or cast the column",
    )


def _refuse(what: str, found: str, allowed: str, remedy: str = _REMEDY) -> NoReturn:
    raise FeatureError(what, found=found, allowed=allowed, remedy=remedy)


def merge_kinds(name: str, kinds: Sequence[str]) -> str:
    """Return the one kind of a feature over several days: `double`, `string` or, where it was always missing, `null`.

    Raises:
        FeatureError: It was a number on one day and text on another.
    """
    known = sorted(set(kinds) - {"null"})
    if len(known) > 1:
        _refuse(
            f"feature {name!r} is a number on one day and text on another",
            " and ".join(known),
            "one kind on every day",
            "cast the column in `row_features`, so that an empty day has the same dtype",
        )
    return known[0] if known else "null"
