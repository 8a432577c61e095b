"""Features and labels as frames, the way training, judging and scoring read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from evergreen.files import Files
    from evergreen.results import FeatureSet

LABEL, LABEL_AVAILABLE_AT = "_label", "_label_available_at"


def read_features(
    feature_set: FeatureSet, files: Files, *, first_day: date | None = None, last_day: date | None = None
) -> pd.DataFrame:
    """Return the features of some days.

    Args:
        feature_set: What `build_features` returned.
        files: Where its tables are.
        first_day: First day wanted; default the set's own, which also bounds it.
        last_day: Last day wanted; default the set's own, which also bounds it.

    Returns:
        One row per predicted row, sorted by (`_event_time`, `_key`): `_key` (text), `_day` (date), `_event_time`,
        `_prediction_time`, the numeric features (`float64`, NaN for missing), the categorical ones (text, None for missing)
        and `_slice_<column>` (text) for each slice of the gate.
    """
    return _frame(_features(feature_set, files, first_day, last_day))


def read_labelled(
    feature_set: FeatureSet, files: Files, *, from_time: datetime | None = None, before_time: datetime | None = None
) -> pd.DataFrame:
    """Return features with the labels that had matured at the set's as-of; rows without one are left out.

    So are those of the set's excluded days: nobody is to learn from them or to be judged on them.

    Args:
        feature_set: What `build_features` returned.
        files: Where its tables are.
        from_time: Earliest event time wanted.
        before_time: Event time from which on nothing is wanted.

    Returns:
        As `read_features`, and `_label` (`float64`, 0 or 1).
    """
    first = None if from_time is None else _widest_day(from_time, -1)
    last = None if before_time is None else _widest_day(before_time, 1)
    rows = _features(feature_set, files, first, last)
    event_times = rows.column("_event_time")
    if from_time is not None:
        rows = rows.filter(pc.greater_equal(event_times, pa.scalar(from_time, TIMESTAMP)))
    if before_time is not None:
        rows = rows.filter(pc.less(rows.column("_event_time"), pa.scalar(before_time, TIMESTAMP)))
    if feature_set.excluded_days:
        excluded = pa.array(feature_set.excluded_days, pa.date32())
        rows = rows.filter(pc.invert(pc.is_in(rows.column(DAY).cast(pa.date32()), value_set=excluded)))
    labels = matured_labels(feature_set, files)
    positions = pc.index_in(rows.column("_key"), value_set=labels.column("_key"))
    rows = rows.append_column(LABEL, labels.column(LABEL).take(positions.combine_chunks()))
    return _frame(rows.filter(pc.is_valid(rows.column(LABEL))))


def matured_labels(feature_set: FeatureSet, files: Files) -> pa.Table:
    """Return `_key` and `_label` of every label that was readable at the set's as-of, one per key."""
    stored = DayTable(feature_set.labels_uri, files).read(
        feature_set.labels_version, columns=["_key", LABEL, LABEL_AVAILABLE_AT]
    )
    matured = pc.less_equal(stored.column(LABEL_AVAILABLE_AT), pa.scalar(feature_set.as_of, TIMESTAMP))
    return stored.filter(matured).select(["_key", LABEL])


def _features(feature_set: FeatureSet, files: Files, first_day: date | None, last_day: date | None) -> pa.Table:
    first = max(first_day or feature_set.first_day, feature_set.first_day)
    last = min(last_day or feature_set.last_day, feature_set.last_day)
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    slices = [f"_slice_{column}" for column in feature_set.slice_columns]
    columns = ["_key", "_event_time", "_prediction_time", *feature_set.numeric, *feature_set.categorical, *slices]
    rows = DayTable(feature_set.uri, files).read(feature_set.version, days=days, columns=columns)
    rows = rows.drop_columns([DIGEST, POSITION]).select(["_key", DAY, *columns[1:]])
    times = rows.column("_event_time").cast(pa.int64()).to_numpy()
    if np.all(times[:-1] <= times[1:]):  # days follow each other and each is stored in this order
        return rows
    return rows.sort_by([("_event_time", "ascending"), ("_key", "ascending")])


def _widest_day(moment: datetime, direction: int) -> date:
    """A day beyond the one in which a moment lies, whatever the time zone."""
    return moment.astimezone(UTC).date() + timedelta(days=direction)


def _frame(rows: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas(date_as_object=True)
    return frame
