"""The rows to judge on: labelled, in the holdout, and newer than anything a judged model has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from evergreen.errors import FeatureError
from evergreen.tables.feature_frames import read_labelled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.results import FeatureSet


@dataclass(frozen=True)
class Holdout:
    """Judged rows as each model's own features, row for row the same."""

    rows: pd.DataFrame
    """With the features of challenger and baseline."""
    champion_rows: pd.DataFrame
    """The same rows with the champion's own features."""
    starts: datetime
    judged_after: datetime
    """The newest watermark of the judged models."""
    unjudged_rows: int
    """Labelled rows of the holdout that a judged model may have seen, or whose day it has or cannot predict yet."""


def read_holdout(
    definition: ModelDefinition,
    features: FeatureSet,
    champion_features: FeatureSet | None,
    watermarks: Iterable[datetime],
    files: Files,
) -> Holdout:
    """Read the rows to judge on.

    Where a watermark lies inside the holdout, judging begins with the day after it: rows of one day share their weather, so the
    rest of a day that a model has learned from is no independent evidence about it. Where the champion's newest complete day is
    an earlier one, because it predicts less far ahead, judging ends there.

    Args:
        definition: The model.
        features: Features of challenger and baseline.
        champion_features: Features as the champion's were built; None when the others are built the same way.
        watermarks: `trained_through` of every judged model.
        files: Where things are.

    Raises:
        FeatureError: The two feature sets do not hold the same rows with the same labels.
    """
    starts = definition.holdout_start(features.last_day)
    judged_after = max(watermarks)
    labelled = read_labelled(features, files, from_time=starts)
    first_day = definition.schedule.day_of(judged_after) + timedelta(days=1)
    last_day = min(of.last_day for of in (features, champion_features) if of is not None)
    rows = _between(labelled, first_day, last_day)
    champion_rows = rows
    if champion_features is not None:
        own = read_labelled(champion_features, files, from_time=starts)
        champion_rows = _same_rows(rows, _between(own, first_day, last_day))
    return Holdout(rows, champion_rows, starts, judged_after, len(labelled) - len(rows))


def _between(frame: pd.DataFrame, first_day: date, last_day: date) -> pd.DataFrame:
    wanted = np.fromiter((first_day <= day <= last_day for day in frame["_day"]), dtype=bool, count=len(frame))
    return frame.loc[wanted].reset_index(drop=True)


def _same_rows(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    ordered = others.set_index("_key", drop=False, verify_integrity=True).reindex(rows["_key"])
    missing = int(ordered["_key"].isna().sum())
    if missing or len(others) != len(rows) or not np.array_equal(ordered["_label"].to_numpy(), rows["_label"].to_numpy()):
        raise FeatureError(
            "the champion's features are not of the challenger's rows",
            found=f"{len(others)} rows against {len(rows)}, {missing} of them missing",
            allowed="the same keys with the same labels, so that both answer the same questions",
            remedy="put back what model.yaml said of the rows to predict (rows, key, predict_before, availability), or give "
            "what is predicted now a model of its own",
        )
    return ordered.reset_index(drop=True)
