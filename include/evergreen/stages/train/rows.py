"""The rows a candidate learns from: labelled, matured, before the holdout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.digests import digest_table
from evergreen.errors import NotEnoughRowsError
from evergreen.tables.feature_frames import read_labelled

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.predictors.arrays import Vector
    from evergreen.results import FeatureSet

Days = np.ndarray[tuple[int], np.dtype[np.datetime64]]
"""The day of each row, datetime64[D], shape (n_rows,)."""
MIN_CLASS_ROWS = 10
"""Fewest rows of either answer; with fewer, no fold and no calibration says anything."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows in the order of their event times.

    Args:
        frame: Shape (n_rows, columns of `read_labelled`).
        numeric: Numeric features.
        categorical: Categorical features.
        end: Where the holdout begins; every row lies before it.
    """

    frame: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    end: datetime

    @cached_property
    def label(self) -> Vector:
        """0 or 1, shape (n_rows,)."""
        return self.frame["_label"].to_numpy(dtype=np.float64)

    @cached_property
    def event_time(self) -> np.ndarray[Any, np.dtype[np.datetime64]]:
        """Event times in UTC, rising, shape (n_rows,)."""
        naive = self.frame["_event_time"].dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray(naive.to_numpy(), dtype="datetime64[us]")

    @cached_property
    def day(self) -> Days:
        """Local days, shape (n_rows,)."""
        days: Days = np.asarray(self.frame["_day"].to_numpy(), dtype="datetime64[D]")
        return days

    @cached_property
    def digest(self) -> str:
        """Digest of every key, time, feature and label; MLflow's own looks at the first 10,000 rows only."""
        columns = ["_key", "_event_time", "_label", *self.numeric, *self.categorical]
        return digest_table(pa.Table.from_pandas(self.frame[columns], preserve_index=False))

    @property
    def first(self) -> datetime:
        """Event time of the oldest row."""
        return self._moment(0)

    @property
    def last(self) -> datetime:
        """Event time of the newest row: the watermark."""
        return self._moment(-1)

    def _moment(self, position: int) -> datetime:
        moment: datetime = self.frame["_event_time"].iloc[position].to_pydatetime()
        return moment


def read_training_rows(definition: ModelDefinition, features: FeatureSet, files: Files) -> TrainingRows:
    """Read the labelled rows of the training window.

    Raises:
        NotEnoughRowsError: There are too few rows, or too few of one answer.
    """
    end = definition.holdout_start(features.last_day)
    window = definition.training.window
    frame = read_labelled(features, files, from_time=None if window == "all" else end - window, before_time=end)
    rows = TrainingRows(frame.reset_index(drop=True), features.numeric, features.categorical, end)
    _check(rows, definition)
    return rows


def _check(rows: TrainingRows, definition: ModelDefinition) -> None:
    found, needed = len(rows.frame), definition.training.min_rows
    if found < needed:
        raise NotEnoughRowsError(
            "there are too few labelled rows to learn from",
            found=f"{found} rows with a matured label before {rows.end:%Y-%m-%d %H:%M} UTC, where the holdout begins",
            allowed=f"at least training.min_rows = {needed}",
            remedy="wait for more history, widen training.window, shorten gate.holdout or lower training.min_rows",
        )
    positives = int(np.sum(rows.label))
    if min(positives, found - positives) < MIN_CLASS_ROWS:
        raise NotEnoughRowsError(
            "the labels say nearly the same everywhere",
            found=f"{positives} yes and {found - positives} no before {rows.end:%Y-%m-%d %H:%M} UTC",
            allowed=f"at least {MIN_CLASS_ROWS} rows of either answer",
            remedy=f"check the label rule on column {definition.data.label.column}, or widen training.window",
        )
