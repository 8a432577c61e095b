"""From a feature frame to the matrix a model reads; plain data, the same in training and in serving.

Numbers become float32 and nothing else: no scaling in front of trees. A category becomes its position in the list of values
seen in training. Missing, infinite and unseen values become NaN, which every model here knows how to read.
"""

from __future__ import annotations

import math
from collections import Counter
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from pydantic import Field

from evergreen.errors import FeatureError
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from evergreen.predictors.arrays import Columns, Matrix

FloatColumn: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

MAX_CATEGORIES = 256
"""Most values kept per column, the most frequent ones; the rest count as missing. An identifier is not a category."""
_LOOP_BELOW_ROWS = 64
"""For fewer rows a plain loop beats factorising."""


class CategoryColumn(Result):
    """A categorical column and its values; a value's code is its position."""

    column: str
    values: tuple[str, ...]
    left_out: int = Field(0, ge=0)
    """Values seen in training that did not fit into `MAX_CATEGORIES`."""


class Encoder(Result):
    """Columns of the matrix in order: the numeric ones, then the categorical ones."""

    numeric: tuple[str, ...]
    categorical: tuple[CategoryColumn, ...]

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], *, max_categories: int = MAX_CATEGORIES
    ) -> Encoder:
        """Learn the values of the categorical columns.

        Args:
            frame: Training rows, shape (n_rows, at least the named columns).
            numeric: Columns read as numbers; booleans count as 0 and 1.
            categorical: Columns read as text.
            max_categories: Most values kept per column.

        Raises:
            FeatureError: A column is not in the frame.
        """
        _require(frame, (*numeric, *categorical))
        fitted = tuple(_fit_column(name, frame[name], max_categories) for name in categorical)
        return cls(numeric=tuple(numeric), categorical=fitted)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns."""
        return (*self.numeric, *(column.column for column in self.categorical))

    def transform(self, frame: Columns) -> Matrix:
        """Return the matrix of a frame, float32 of shape (n_rows, n_columns).

        Args:
            frame: A pandas frame, or any mapping from column name to a sequence of values; other columns are ignored.

        Raises:
            FeatureError: A column is missing or holds something that is no number.
        """
        _require(frame, self.columns)
        arrays = [_numbers(name, frame[name]) for name in self.numeric]
        arrays += [_codes(column, frame[column.column]) for column in self.categorical]
        if not arrays:
            return np.empty((_length(frame), 0), dtype=np.float32)
        return np.ascontiguousarray(np.column_stack(arrays), dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as JSON types."""
        return self.to_xcom()

    @classmethod
    def from_json(cls, value: object) -> Encoder:
        """Restore what `to_json` returned."""
        return cls.from_xcom(value)


def category_text(value: object) -> str | None:
    """Write a category the one way it is compared; None stands for missing.

    5, 5.0 and numpy's own 5 are the same category, because a column of integers turns into floats when a value is missing.
    """
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:  # pandas' own, without importing pandas
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(number)) if number.is_integer() else str(number)
    return str(value)


def _fit_column(name: str, column: pd.Series[Any], max_categories: int) -> CategoryColumn:
    counts: Counter[str] = Counter()
    for value, count in column.value_counts(sort=False, dropna=True).items():
        text = category_text(value)
        if text is not None and count > 0:  # pandas counts declared categories that no row has
            counts[text] += int(count)
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[:max_categories]
    return CategoryColumn(column=name, values=tuple(sorted(frequent)), left_out=len(counts) - len(frequent))


def _numbers(name: str, column: Any) -> FloatColumn:
    try:
        if hasattr(column, "to_numpy"):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.array([np.nan if value is None else value for value in column], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FeatureError(
            "a numeric feature holds something that is no number",
            found=f"{name}: {str(error)[:200]}",
            allowed="numbers, booleans and missing values",
            remedy="mend the feature in features.py, or name it under features.categorical",
        ) from error
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which becomes missing below
        narrow: FloatColumn = values.astype(np.float32)
    return np.where(np.isfinite(narrow), narrow, np.float32(np.nan))


def _codes(column: CategoryColumn, values: Any) -> FloatColumn:
    positions: Mapping[str | None, float] = {text: float(code) for code, text in enumerate(column.values)}
    if hasattr(values, "factorize") and len(values) >= _LOOP_BELOW_ROWS:
        codes, unique = values.factorize()  # -1 is missing
        table: FloatColumn = np.array(
            [*(positions.get(category_text(value), np.nan) for value in unique), np.nan], dtype=np.float32
        )
        return np.take(table, np.asarray(codes, dtype=np.intp))
    return np.array([positions.get(category_text(value), np.nan) for value in values], dtype=np.float32)


def _require(frame: Columns, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in frame]
    if missing:
        raise FeatureError(
            "features are missing",
            found=f"no column {', '.join(missing[:10])}",
            allowed="every column the model was trained with",
            remedy="build the features with the features.py that travels with the model",
        )


def _length(frame: Columns) -> int:
    return len(frame) if hasattr(frame, "columns") else max((len(frame[name]) for name in frame), default=0)
