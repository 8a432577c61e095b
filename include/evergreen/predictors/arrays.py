"""Names for the shapes that predictors pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

Columns: TypeAlias = "pd.DataFrame | Mapping[str, Sequence[Any]]"
"""Rows by column: a pandas frame, or a plain mapping where pandas is too heavy."""
Matrix: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
"""What a model reads: float32 of shape (n_rows, n_columns), NaN where missing."""
Vector: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
"""Scores, probabilities, labels: float64 of shape (n_rows,)."""


def log_odds(probability: Vector) -> Vector:
    """Return log(p / (1 - p)), shape (n,); finite for p strictly between 0 and 1."""
    return np.log(probability) - np.log1p(-probability)


def sigmoid(score: Vector) -> Vector:
    """Return 1 / (1 + exp(-score)), shape (n,), without overflow at either end."""
    tail = np.exp(-np.abs(score))
    return np.where(score >= 0, 1.0, tail) / (1.0 + tail)
