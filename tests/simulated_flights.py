"""Small labelled feature frames with a known signal, for tests that train."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.definitions.model import ModelDefinition
from evergreen.results import FeatureSet

FIRST_DAY = date(2013, 1, 1)
NUMERIC = ("hour", "wind", "rate")
CATEGORICAL = ("carrier", "origin")


def make_frame(days: int = 40, rows_per_day: int = 50, seed: int = 1) -> pd.DataFrame:
    """Rows as `read_labelled` gives them: late flights come with wind, the evening and two of the carriers."""
    rng = np.random.default_rng(seed)
    n = days * rows_per_day
    midnight = datetime(2013, 1, 1, tzinfo=UTC)
    minutes = np.sort(rng.integers(6 * 60, 23 * 60, (days, rows_per_day)), axis=1) + np.arange(days)[:, None] * 1440
    event_time = pd.Series(pd.Timestamp(midnight) + pd.to_timedelta(minutes.ravel(), unit="min")).astype("datetime64[us, UTC]")
    hour = event_time.dt.hour.to_numpy().astype(float)
    wind = rng.gamma(3.0, 4.0, n)
    carrier = rng.choice(["AA", "B6", "DL", "EV", "UA"], n)
    rate = rng.uniform(0, 0.5, n)
    score = -3.2 + 0.09 * wind + 0.08 * (hour - 6) + 1.0 * np.isin(carrier, ["EV", "B6"])
    label = (rng.uniform(size=n) < 1 / (1 + np.exp(-score))).astype(float)
    return pd.DataFrame(
        {
            "_key": [f"flight {number:06d}" for number in range(n)],
            "_day": event_time.dt.date,
            "_event_time": event_time,
            "_prediction_time": event_time - timedelta(hours=2),
            "_label": label,
            "hour": hour,
            "wind": np.where(rng.uniform(size=n) < 0.1, np.nan, wind),
            "rate": rate,
            "carrier": pd.Series(carrier, dtype=object).where(rng.uniform(size=n) > 0.02, None),
            "origin": rng.choice(["EWR", "JFK", "LGA"], n),
        }
    )


def make_definition(**training: Any) -> ModelDefinition:
    """A small definition; arguments go into section `training`."""
    section = {"min_rows": 200, "baseline_by": ["hour"], "search": {"trials": 3, "folds": 2, "fold": "7d"}, **training}
    schedule = {"files": "schedule/{day}.parquet", "key": ["flight_id"], "event_time": "departure"}
    arrivals = {"files": "arrivals/{day}.parquet", "key": ["flight_id"], "event_time": "departure", "available_after": "1d"}
    return ModelDefinition.model_validate(
        {
            "name": "flights",
            "title": "Will it be late?",
            "owner": "tests",
            "data": {
                "rows": "schedule",
                "first_day": FIRST_DAY,
                "label": {"table": "arrivals", "column": "arr_delay", "above": 15},
                "tables": {"schedule": schedule, "arrivals": arrivals},
            },
            "training": section,
            "gate": {"holdout": "10d"},
        }
    )


def make_feature_set(
    days: int = 40, numeric: tuple[str, ...] = NUMERIC, categorical: tuple[str, ...] = CATEGORICAL, digest: str = "f" * 32
) -> FeatureSet:
    """A feature set over the frame's days."""
    return FeatureSet(
        model="flights",
        as_of=datetime(2013, 1, 1, 3, tzinfo=UTC) + timedelta(days=days),
        uri="/tables/flights/features",
        version=3,
        digest=digest,
        first_day=FIRST_DAY,
        last_day=FIRST_DAY + timedelta(days=days - 1),
        rows=days * 50,
        labelled_rows=days * 50,
        numeric=numeric,
        categorical=categorical,
        slice_columns=(),
        labels_uri="/tables/flights/labels",
        labels_version=2,
        source_digest="c" * 32,
        source="def row_features(rows, entities):\n    return rows\n",
        layout_digest=FeatureLayout.of(make_definition()).digest,
        snapshot_digest="s" * 32,
        built_days=days,
    )


def select(frame: pd.DataFrame, from_time: datetime | None, before_time: datetime | None) -> pd.DataFrame:
    """Cut a frame as `read_labelled` does."""
    if from_time is not None:
        frame = frame[frame["_event_time"] >= from_time]
    if before_time is not None:
        frame = frame[frame["_event_time"] < before_time]
    return frame
