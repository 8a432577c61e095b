"""Logistic regression as plain numbers; scored in NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from evergreen.predictors.plain_data import PlainData
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy.sparse import csr_matrix

    from evergreen.predictors.arrays import Matrix, Vector
    from evergreen.predictors.encoder import Encoder

_LARGEST_DEVIATION = 10.0
"""A standardised number is cut here, so that one absurd input cannot outvote every other feature."""


class NumericTerm(Result):
    """One number: imputed, standardised, weighted."""

    column: str
    median: float
    """Takes the place of a missing value."""
    mean: float
    scale: float = Field(gt=0)
    """Standard deviation of the imputed values; 1 for a constant."""
    weight: float = 0.0
    weight_if_missing: float = 0.0
    """Weight of the missing-value indicator."""


class CategoricalTerm(Result):
    """One category: a weight per code."""

    column: str
    weights: tuple[float, ...]
    weight_if_missing: float = 0.0
    """Weight of a missing or unseen value."""


class LogisticModel(PlainData):
    """`intercept` plus one term per column of the encoder's matrix, in its order."""

    intercept: float
    numeric: tuple[NumericTerm, ...]
    categorical: tuple[CategoricalTerm, ...]

    def score(self, matrix: Matrix) -> Vector:
        """Return log-odds, shape (n_rows,); a row's score does not depend on the rows beside it."""
        total = np.full(len(matrix), self.intercept, dtype=np.float64)
        for contribution in self.contributions(matrix):
            total += contribution
        return total

    def contributions(self, matrix: Matrix) -> Iterator[Vector]:
        """Yield what each column adds to the log-odds, shape (n_rows,), in the matrix's order."""
        for position, term in enumerate(self.numeric):
            values = matrix[:, position].astype(np.float64)
            yield term.weight * _standardised(values, term) + term.weight_if_missing * np.isnan(values)
        for position, category in enumerate(self.categorical, start=len(self.numeric)):
            table = np.array([*category.weights, category.weight_if_missing], dtype=np.float64)
            yield np.take(table, _known_codes(matrix[:, position], len(category.weights)))

    def with_intercept(self, intercept: float) -> LogisticModel:
        """Return the model with another intercept."""
        return self.model_copy(update={"intercept": intercept})

    def with_weights(self, intercept: float, weights: Vector) -> LogisticModel:
        """Return the model with fitted weights, shape (n_design_columns,), in the order of `design`."""
        remaining = iter(float(weight) for weight in weights)
        numeric = tuple(
            term.model_copy(update={"weight": next(remaining), "weight_if_missing": next(remaining)}) for term in self.numeric
        )
        categorical = tuple(
            term.model_copy(
                update={"weights": tuple(next(remaining) for _ in term.weights), "weight_if_missing": next(remaining)}
            )
            for term in self.categorical
        )
        return LogisticModel(intercept=intercept, numeric=numeric, categorical=categorical)

    def design(self, matrix: Matrix) -> csr_matrix:
        """Return what the weights multiply, sparse of shape (n_rows, n_design_columns).

        Per number its standardised value and its missing-value indicator; per category one column a value and one for missing.
        """
        from scipy.sparse import csr_matrix

        n_rows, values, columns, offset = len(matrix), [], [], 0
        for position, term in enumerate(self.numeric):
            column = matrix[:, position].astype(np.float64)
            values += [_standardised(column, term), np.isnan(column).astype(np.float64)]
            columns += [np.full(n_rows, offset), np.full(n_rows, offset + 1)]
            offset += 2
        for position, category in enumerate(self.categorical, start=len(self.numeric)):
            columns.append(offset + _known_codes(matrix[:, position], len(category.weights)))
            values.append(np.ones(n_rows))
            offset += len(category.weights) + 1
        if not values:
            return csr_matrix((n_rows, 0))
        rows = np.tile(np.arange(n_rows), len(values))
        sparse = csr_matrix((np.concatenate(values), (rows, np.concatenate(columns))), shape=(n_rows, offset))
        sparse.eliminate_zeros()
        return sparse


def prepare_logistic(encoder: Encoder, matrix: Matrix) -> LogisticModel:
    """Learn medians, means and scales from a training matrix; every weight is still zero."""
    numeric = tuple(_numeric_term(name, matrix[:, position]) for position, name in enumerate(encoder.numeric))
    categorical = tuple(CategoricalTerm(column=c.column, weights=(0.0,) * len(c.values)) for c in encoder.categorical)
    return LogisticModel(intercept=0.0, numeric=numeric, categorical=categorical)


def fit_logistic(
    prepared: LogisticModel, design: csr_matrix, label: Vector, weight: Vector, *, inverse_penalty: float
) -> LogisticModel:
    """Fit the weights by penalised maximum likelihood (L2, scikit-learn's L-BFGS).

    Args:
        prepared: From `prepare_logistic`.
        design: `prepared.design(matrix)`, shape (n_rows, n_design_columns).
        label: 0 or 1, both present, shape (n_rows,).
        weight: Weight of each row, shape (n_rows,).
        inverse_penalty: scikit-learn's `C`; smaller is stronger.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    learner = LogisticRegression(C=inverse_penalty, solver="lbfgs", max_iter=300, tol=1e-4)
    with threadpool_limits(limits=1), warnings.catch_warnings():  # one thread: BLAS adds in the same order every time
        # Weights that stopped a little early are still weights; the validation judges them as they are.
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner.fit(design, label, sample_weight=weight)
    return prepared.with_weights(float(learner.intercept_[0]), learner.coef_[0])


def _numeric_term(name: str, column: np.ndarray[Any, np.dtype[np.float32]]) -> NumericTerm:
    values = column.astype(np.float64)
    known = values[~np.isnan(values)]
    if not len(known):
        return NumericTerm(column=name, median=0.0, mean=0.0, scale=1.0)
    median = float(np.median(known))
    imputed = np.where(np.isnan(values), median, values)
    scale = float(np.std(imputed))
    return NumericTerm(column=name, median=median, mean=float(np.mean(imputed)), scale=scale if scale > 0 else 1.0)


def _standardised(values: Vector, term: NumericTerm) -> Vector:
    imputed = np.where(np.isnan(values), term.median, values)
    return np.clip((imputed - term.mean) / term.scale, -_LARGEST_DEVIATION, _LARGEST_DEVIATION)


def _known_codes(codes: np.ndarray[Any, np.dtype[np.float32]], n_values: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    return np.where(np.isnan(codes), n_values, codes).astype(np.intp)
