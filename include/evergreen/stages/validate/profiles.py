"""Days in a few numbers: counts, missing values, ranges, categories, labels."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from evergreen.definitions.data import Label, Table
    from evergreen.definitions.schedule import Schedule

USUAL_SHARE = 0.9
"""A day counts as usually complete once this share of its rows is readable."""


def end_of_day(day: date, schedule: Schedule) -> datetime:
    """Return the midnight that ends a local day, in UTC: adding to a local time would count hours on the wall clock."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=schedule.zone).astimezone(UTC)


def watched_columns(frame: pd.DataFrame, table: Table, ignore: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the columns watched for new numbers and those watched for new categories.

    Keys and times never are: they are new every day.
    """
    left_out = {*table.key, *ignore, table.event_time, table.available_at}
    columns = [str(name) for name in frame.columns if not str(name).startswith("_") and name not in left_out]
    numbers = [c for c in columns if pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c])]
    texts = [c for c in columns if pd.api.types.is_object_dtype(frame[c]) or pd.api.types.is_string_dtype(frame[c])]
    return numbers, [c for c in texts if _is_text(frame[c])]


def count_nulls(frame: pd.DataFrame, columns: Sequence[str]) -> dict[date, dict[str, int]]:
    """Return missing values by day and column."""
    counts: Any = frame[list(columns)].isna().groupby(frame["_day"]).sum().to_dict("index")
    return {day: {column: int(n) for column, n in row.items()} for day, row in counts.items()}


def find_ranges(frame: pd.DataFrame, columns: Sequence[str]) -> dict[date, dict[str, tuple[float, float]]]:
    """Return the smallest and largest finite value by day and column; a column without any is left out."""
    if not columns:
        return {}
    finite = frame[list(columns)].astype(np.float64).replace([np.inf, -np.inf], np.nan)
    grouped = finite.groupby(frame["_day"])
    low: Any = grouped.min().to_dict("index")
    high: Any = grouped.max().to_dict("index")
    return {day: {c: (float(low[day][c]), float(high[day][c])) for c in columns if not np.isnan(low[day][c])} for day in low}


def count_categories(frame: pd.DataFrame, columns: Sequence[str]) -> dict[date, dict[str, dict[str, int]]]:
    """Return counts by day, column and value."""
    days: Any = frame["_day"].unique()
    result: dict[date, dict[str, dict[str, int]]] = {day: {} for day in days}
    for column in columns:
        counts: Any = frame.groupby(["_day", column], sort=True, observed=True).size()
        for (day, value), n in counts.items():
            result[day].setdefault(column, {})[str(value)] = int(n)
    return result


def count_labels(frame: pd.DataFrame, label: Label) -> dict[date, tuple[int, int]]:
    """Return (rows with a label, rows whose label is yes) by day."""
    known = frame[frame[label.column].notna()]
    values = known[label.column]
    positive = values > label.above if label.above is not None else values == label.equals
    counts: Any = positive.groupby(known["_day"]).agg(["size", "sum"]).to_dict("index")
    return {day: (int(row["size"]), int(row["sum"])) for day, row in counts.items()}


def usual_lag_seconds(available_at: pd.Series, day: date, schedule: Schedule) -> float:
    """Return when nine of ten rows of a day had become readable, in seconds after the day's end (negative: before)."""
    moment: Any = available_at.dropna().quantile(USUAL_SHARE, interpolation="higher")
    return float((moment - pd.Timestamp(end_of_day(day, schedule))).total_seconds())


def positions_by_day(frame: pd.DataFrame) -> dict[date, NDArray[np.intp]]:
    """Return the positions of each day's rows, days in order."""
    positions: Any = frame.groupby("_day").indices
    return dict(sorted(positions.items()))


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}
