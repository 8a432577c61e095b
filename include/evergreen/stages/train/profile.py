"""What the rows looked like that a model learned from: the reference that travels with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.reference_profile import ColumnProfile, ReferenceProfile
from evergreen.statistics.column_profile import profile_category, profile_numeric, rows_by_weekday

if TYPE_CHECKING:
    from evergreen.predictors.arrays import Vector
    from evergreen.predictors.encoder import Encoder
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.rows import Days, TrainingRows


def profile_training(
    rows: TrainingRows, encoder: Encoder, folds: tuple[Fold, ...], probability: Vector, threshold: float
) -> ReferenceProfile:
    """Profile the features a model reads, and what it says of rows that it has not learned from.

    Args:
        rows: What it learned from.
        encoder: Names its features.
        folds: Whose test rows `probability` is of, one after the other.
        probability: Out of fold and calibrated, shape (n_test_rows,).
        threshold: From which on the answer is yes.
    """
    days = rows.day
    features: dict[str, ColumnProfile] = {
        name: profile_numeric(rows.frame[name].to_numpy(dtype=np.float64), days) for name in encoder.numeric
    }
    for column in encoder.categorical:
        features[column.column] = profile_category(rows.frame[column.column].to_numpy(dtype=object), days)
    return ReferenceProfile(
        rows=len(days),
        days=len(np.unique(days)),
        features=features,
        probability=profile_numeric(probability, np.concatenate([days[fold.test] for fold in folds])),
        positive_share=float(np.mean(rows.label)),
        answer_share=float(np.mean(probability >= threshold)),
        rows_by_weekday=_mean_rows_of_a_day(days),
    )


def _mean_rows_of_a_day(days: Days) -> tuple[float, ...]:
    """Mean rows of the days that have any, by weekday; 0 for a weekday without such a day."""
    rows, distinct = rows_by_weekday(days), rows_by_weekday(np.unique(days))
    return tuple((rows / np.maximum(distinct, 1)).tolist())
