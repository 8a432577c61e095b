"""Scores a few rows that come as plain Python lists, with everything that does not depend on them done beforehand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.predictors.arrays import Matrix
    from evergreen.predictors.predictor import Predictor


class RowScorer:
    """A predictor for the hot path of a request: its answers equal those of `Predictor.probability` to the last bit.

    The encoder there checks and converts column by column, which for one row costs more than the model. Here features are
    known to be numbers or text already, so that the matrix is one conversion and one dictionary look-up a category.

    Args:
        predictor: The model, opened.
    """

    def __init__(self, predictor: Predictor) -> None:
        encoder = predictor.manifest.encoder
        self._score = predictor.score_matrix
        self._calibrate = predictor.manifest.calibration.apply
        self._numeric = encoder.numeric
        self._categorical = [
            (column.column, {text: float(code) for code, text in enumerate(column.values)}) for column in encoder.categorical
        ]
        self.threshold = predictor.manifest.threshold
        """Probability from which the answer is yes."""

    def probability(self, features: Mapping[str, Sequence[float | str | None]], n_rows: int) -> list[float]:
        """Return calibrated probabilities of a yes, one a row.

        Args:
            features: Per feature n_rows values: numbers with None or NaN for missing, categories as text or None.
            n_rows: How many rows there are.
        """
        probability: list[float] = self._calibrate(self._score(self.matrix(features, n_rows))).tolist()
        return probability

    def matrix(self, features: Mapping[str, Sequence[float | str | None]], n_rows: int) -> Matrix:
        """Return what the model reads: float32 of shape (n_rows, n_columns), as the encoder makes it."""
        columns: list[Sequence[object]] = [features[name] for name in self._numeric]
        for name, codes in self._categorical:
            code = codes.get
            columns.append([code(value, math.nan) for value in features[name]])  # type: ignore[arg-type]
        if not columns:
            return np.empty((n_rows, 0), dtype=np.float32)
        wide = np.array(columns, dtype=np.float64).T
        with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which becomes missing below
            narrow: Matrix = wide.astype(np.float32, order="C")
        finite = np.isfinite(narrow)
        if not finite.all():
            narrow[~finite] = np.nan
        return narrow
