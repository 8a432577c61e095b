"""Time-ordered folds: each is tested on a span of time and trained on everything before it, never the other way round."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np

from evergreen.errors import NotEnoughRowsError

if TYPE_CHECKING:
    from evergreen.definitions.training import Search
    from evergreen.stages.train.rows import TrainingRows

_log = logging.getLogger(__name__)

MIN_TRAIN_ROWS = 50
"""Fewest rows, with both answers among them, that a fold may learn from."""


@dataclass(frozen=True)
class Fold:
    """Positions in the rows: train is [0, cut), test is [cut, stop)."""

    cut: int
    stop: int

    @property
    def train(self) -> slice:
        """Rows to learn from."""
        return slice(0, self.cut)

    @property
    def test(self) -> slice:
        """Rows to be tested on."""
        return slice(self.cut, self.stop)


def time_ordered_folds(rows: TrainingRows, search: Search) -> tuple[Fold, ...]:
    """Cut the newest `search.folds` spans of length `search.fold` before the holdout, oldest first.

    A history too short for that gets shorter spans, so that the first fold still has as much to learn from as to be tested
    on. A fold that has nothing to be tested on, or only one answer to learn from, is left out.

    Raises:
        NotEnoughRowsError: No fold is left.
    """
    end = np.datetime64(rows.end.astimezone(UTC).replace(tzinfo=None), "us")
    length = np.timedelta64(search.fold, "us")
    longest = (end - rows.event_time[0]) // (search.folds + 1)
    if longest < length:
        _log.warning("the history is short: each of %d folds is cut from %s to %s", search.folds, search.fold, longest.item())
        length = longest
    bounds = np.searchsorted(rows.event_time, [end - length * back for back in range(search.folds, -1, -1)], side="left")
    cuts = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    folds = tuple(fold for fold in (Fold(cut, stop) for cut, stop in cuts) if _usable(fold, rows))
    if not folds:
        raise NotEnoughRowsError(
            "the rows are too unevenly spread over time to validate on",
            found=f"{len(rows.label)} rows between {rows.first:%Y-%m-%d} and {rows.last:%Y-%m-%d}, none in a usable fold",
            allowed=f"one of {search.folds} folds of {search.fold.days} days with rows in it, and before it at least "
            f"{MIN_TRAIN_ROWS} rows with both answers",
            remedy="wait for more history, or lower training.search.folds or training.search.fold",
        )
    return folds


def _usable(fold: Fold, rows: TrainingRows) -> bool:
    before = rows.label[fold.train]
    return fold.cut >= MIN_TRAIN_ROWS and fold.stop > fold.cut and before.min() < before.max()
