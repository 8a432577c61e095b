"""Rows to draw from: a bounded sample of the window, and rows made from the counts of a reference profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evergreen.reference_profile import NumericProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from evergreen.reference_profile import ColumnProfile

    Floats = NDArray[np.float64]

SEED = 20130101


def sample_rows(frame: pd.DataFrame, max_rows: int) -> pd.DataFrame:
    """Return at most so many rows of a frame, drawn without replacement, in their order; the same rows every time."""
    if len(frame) <= max_rows:
        return frame
    chosen = np.random.default_rng(SEED).choice(len(frame), max_rows, replace=False)
    return frame.iloc[np.sort(chosen)]


def sample_reference(profiles: Mapping[str, ColumnProfile], n_rows: int, weekday_rows: ArrayLike | None = None) -> pd.DataFrame:
    """Return rows made from profiles: each column drawn on its own, so that only single columns mean anything.

    Args:
        profiles: Per column its profile; a column without any row in it stays empty.
        n_rows: How many rows.
        weekday_rows: Rows of each weekday, Monday first, shape (7,): the mix to draw; None for the reference's own.
    """
    generator = np.random.default_rng(SEED)
    return pd.DataFrame({name: _draw(profile, n_rows, weekday_rows, generator) for name, profile in profiles.items()})


def _draw(profile: ColumnProfile, n_rows: int, weekday_rows: ArrayLike | None, generator: np.random.Generator) -> pd.Series:
    if isinstance(profile, NumericProfile):
        values, table = np.asarray(profile.values), np.asarray(profile.counts, dtype=np.float64).reshape(7, -1)
    else:
        values, table = np.asarray(list(profile.counts), dtype=object), np.asarray(list(profile.counts.values()), float).T
        table = table.reshape(7, -1)
    weights = _weights(np.column_stack([table, profile.nulls_by_weekday]), weekday_rows)
    missing = np.nan if isinstance(profile, NumericProfile) else None
    places = np.append(values, [missing])
    if weights.sum() == 0:
        return pd.Series([missing] * n_rows, dtype=places.dtype)
    return pd.Series(places[generator.choice(len(places), n_rows, p=weights / weights.sum())])


def _weights(table: Floats, weekday_rows: ArrayLike | None) -> Floats:
    """Return the weight of each place, shape (n_places,), in the wanted mix of weekdays."""
    weights = np.ones(len(table))
    if weekday_rows is not None:
        rows = table.sum(axis=1)
        weights = np.divide(np.asarray(weekday_rows, dtype=np.float64), rows, out=np.zeros(len(table)), where=rows > 0)
        if not weights.any():  # the reference has none of these weekdays
            weights = np.ones(len(table))
    return np.asarray(weights @ table, dtype=np.float64)
