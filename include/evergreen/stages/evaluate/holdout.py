"""The rows to judge on: labelled, in the holdout, and newer than anything a judged model has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.errors import FeatureError
from evergreen.tables.feature_frames import read_labelled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

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
    """Labelled rows of the holdout that a judged model may have seen, or whose day it has."""


def read_holdout(
    definition: ModelDefinition,
    features: FeatureSet,
    champion_features: FeatureSet | None,
    watermarks: Iterable[datetime],
    files: Files,
) -> Holdout:
    """Read the rows to judge on.

    Where a watermark lies inside the holdout, judging begins with the day after it: rows of one day share their weather, so the
    rest of a day that a model has learned from is no independent evidence about it.

    Args:
        definition: The model.
        features: Features of challenger and baseline.
        champion_features: Features by the champion's own code; None when it is the same code.
        watermarks: `trained_through` of every judged model.
        files: Where things are.

    Raises:
        FeatureError: The two feature sets do not hold the same rows with the same labels.
    """
    starts = definition.holdout_start(features.last_day)
    judged_after = max(watermarks)
    labelled = read_labelled(features, files, from_time=starts)
    rows = _unseen(labelled, definition, judged_after)
    champion_rows = rows
    if champion_features is not None:
        own = read_labelled(champion_features, files, from_time=starts)
        champion_rows = _same_rows(rows, _unseen(own, definition, judged_after))
    return Holdout(rows, champion_rows, starts, judged_after, len(labelled) - len(rows))


def _unseen(frame: pd.DataFrame, definition: ModelDefinition, judged_after: datetime) -> pd.DataFrame:
    last_seen_day = definition.schedule.day_of(judged_after)
    newer = np.fromiter((day > last_seen_day for day in frame["_day"]), dtype=bool, count=len(frame))
    return frame.loc[newer].reset_index(drop=True)


def _same_rows(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    ordered = others.set_index("_key", drop=False, verify_integrity=True).reindex(rows["_key"])
    missing = int(ordered["_key"].isna().sum())
    if missing or len(others) != len(rows) or not np.array_equal(ordered["_label"].to_numpy(), rows["_label"].to_numpy()):
        raise FeatureError(
            "the champion's features are not of the challenger's rows",
            found=f"{len(others)} rows against {len(rows)}, {missing} of them missing",
            allowed="the same keys with the same labels, so that both answer the same questions",
            remedy="build the champion's features again for the whole holdout from the same snapshot",
        )
    return ordered.reset_index(drop=True)
