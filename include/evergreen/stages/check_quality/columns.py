"""One column by day, as numbers or as categories, whatever arrived under its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evergreen.observation import Finding, Severity
from evergreen.stages.check_quality.readings import SURE, Reading, judge, summarise
from evergreen.stages.check_quality.wording import rows_of, share
from evergreen.statistics.wilson_bounds import wilson_bounds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from evergreen.stages.check_quality.days import Positions

_SHOWN = 3


@dataclass(frozen=True)
class DayValues:
    """A column on one day."""

    values: NDArray[np.float64]
    """Shape (n_rows,), NaN where there is no number; for a category 1 where the release does not know it, else 0."""
    misfits: int
    """Values that are there and are of another type."""
    examples: tuple[str, ...]
    """Of misfits or unknown categories, the most frequent first."""

    @property
    def filled(self) -> NDArray[np.float64]:
        """The values that are there, in no particular order."""
        return self.values[np.isfinite(self.values)]

    @property
    def null_share(self) -> float:
        """Share of rows without a value."""
        return float(np.mean(~np.isfinite(self.values))) if len(self.values) else 0.0


def missing_column(name: str, days: Sequence[date]) -> Finding:
    """Return the finding for a feature that is not there at all."""
    return Finding(
        check="column",
        subject=name,
        severity=Severity.CRITICAL,
        value=0.0,
        days=tuple(days),
        reason=f"feature `{name}` of the release is not among the columns",
    )


def numbers_by_day(column: pd.Series, by_day: Mapping[date, Positions]) -> dict[date, DayValues]:
    """Read a column as numbers; what is no finite number counts as missing, and text also as a misfit."""
    values, misfits = _as_numbers(column)
    return {
        day: DayValues(values[rows], int(misfits[rows].sum()), _most_frequent(column, rows[misfits[rows]]))
        for day, rows in by_day.items()
    }


def categories_by_day(column: pd.Series, by_day: Mapping[date, Positions], known: Collection[str]) -> dict[date, DayValues]:
    """Read a column as categories: 0 where the release knows it, 1 where not, NaN where it is missing."""
    codes, found = pd.factorize(column.astype(object))
    unknown = np.array([str(value) not in known for value in found] or [False], dtype=np.float64)
    values = np.where(codes >= 0, unknown[codes], np.nan)
    return {day: DayValues(values[rows], 0, _most_frequent(column, rows[values[rows] == 1])) for day, rows in by_day.items()}


def type_finding(name: str, today: Mapping[date, DayValues], max_share: float) -> Finding | None:
    """Judge how many values of a number are something else; None where all are numbers."""
    readings = []
    for day, values in today.items():
        if values.misfits:
            n_rows, hits = len(values.values), values.misfits
            lower, _ = wilson_bounds(hits, n_rows, z=SURE)
            severity = Severity.WARNING if judge(hits / n_rows, lower, max_share) is Severity.OK else Severity.CRITICAL
            shown = ", ".join(repr(example) for example in values.examples)
            text = f"`{name}` holds text on {day}, in {rows_of(hits, n_rows)} ({share(hits / n_rows)}), such as {shown}"
            readings.append(Reading(day, severity, hits / n_rows, max_share, n_rows, text, lower=lower))
    return summarise("column", name, readings)


def _as_numbers(column: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if pd.api.types.is_numeric_dtype(column.dtype):  # a bool is a number, too
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        misfits = np.zeros(len(column), dtype=np.bool_)
    else:
        plain = column.astype(object)
        times = pd.api.types.is_datetime64_any_dtype(column.dtype)
        values = np.full(len(column), np.nan) if times else pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64)
        misfits = np.asarray(plain.notna(), dtype=np.bool_) & np.isnan(values)
    return np.where(np.isfinite(values), values, np.nan), misfits


def _most_frequent(column: pd.Series, rows: Positions) -> tuple[str, ...]:
    if not len(rows):  # nearly every column of nearly every day: counting nothing took two thirds of the check
        return ()
    return tuple(str(value)[:40] for value in column.iloc[rows].value_counts().index[:_SHOWN])
