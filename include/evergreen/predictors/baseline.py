"""The trivial model every real one must beat: past rates by a few features, or one rate for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from evergreen.predictors.arrays import Matrix, Vector, log_odds
from evergreen.predictors.plain_data import PlainData
from evergreen.results import Result

SMOOTHING_ROWS = 20.0
"""A group's rate is pulled towards the overall rate as if it had seen this many average rows more."""


class GroupRate(Result):
    """The smoothed rate of one combination of categories."""

    codes: tuple[int, ...]
    """One code per column of the matrix."""
    rate: float = Field(gt=0, lt=1)
    rows: int


class RateTable(PlainData):
    """Rates by group; a group with a missing or unseen part gets the overall rate."""

    overall: float = Field(gt=0, lt=1)
    groups: tuple[GroupRate, ...]

    @classmethod
    def fit(cls, matrix: Matrix, label: Vector) -> RateTable:
        """Learn the rates.

        Args:
            matrix: Category codes only, shape (n_rows, n_columns); without columns there is one rate for all.
            label: 0 or 1, shape (n_rows,).

        References:
            Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", 2001 (the m-estimate).
        """
        overall = (float(np.sum(label)) + 1) / (len(label) + 2)
        known = ~np.isnan(matrix).any(axis=1)
        if not matrix.shape[1] or not known.any():
            return cls(overall=overall, groups=())
        codes, group, rows = np.unique(matrix[known].astype(np.int64), axis=0, return_inverse=True, return_counts=True)
        positives = np.bincount(group.ravel(), weights=label[known], minlength=len(codes))
        rates = (positives + SMOOTHING_ROWS * overall) / (rows + SMOOTHING_ROWS)
        groups = zip(codes.tolist(), rates.tolist(), rows.tolist(), strict=True)
        return cls(overall=overall, groups=tuple(GroupRate(codes=tuple(c), rate=r, rows=n) for c, r, n in groups))

    def score(self, matrix: Matrix) -> Vector:
        """Return the log-odds of each row's rate, shape (n_rows,)."""
        rates: dict[tuple[Any, ...], float] = {group.codes: group.rate for group in self.groups}
        rows = map(tuple, matrix.tolist())  # a float code equals and hashes like its integer; NaN equals nothing
        return log_odds(np.array([rates.get(row, self.overall) for row in rows], dtype=np.float64))
