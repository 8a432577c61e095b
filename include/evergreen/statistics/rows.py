"""What every statistic is handed: labels, probabilities and weights of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import RequestError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


def quotient(numerators: Floats, denominators: Floats) -> Floats:
    """Divide two arrays of shape (n,), NaN where the denominator is not positive: an undefined statistic, not an error."""
    undefined: Floats = np.full(len(numerators), np.nan)
    return np.divide(numerators, denominators, out=undefined, where=denominators > 0)


def as_rows(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
    """Return labels, probabilities and weights as float64 arrays of one shape (n_rows,), rows without weight left out.

    A row of weight 2 counts as two copies of it. Nothing is repaired: what cannot be judged is an error, never a number.

    Args:
        labels: 0 or 1, shape (n_rows,).
        probabilities: Finite, 0 to 1, shape (n_rows,).
        weights: Finite, 0 or more, shape (n_rows,); None weighs every row 1.

    Raises:
        RequestError: Another shape, a label that is not 0 or 1, a probability or weight that is missing or out of range.
    """
    truth, chance = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    weight = np.ones_like(truth) if weights is None else np.asarray(weights, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != chance.shape or truth.shape != weight.shape:
        raise _refuse(f"shapes {truth.shape}, {chance.shape} and {weight.shape}", "three arrays of one shape (n_rows,)")
    _require(np.isin(truth, (0.0, 1.0)), truth, "label", "0 or 1")
    _require((chance >= 0) & (chance <= 1), chance, "probability", "a number from 0 to 1")
    _require((weight >= 0) & np.isfinite(weight), weight, "weight", "a finite number, 0 or more")
    if weights is None:
        return truth, chance, weight
    kept = weight > 0
    return truth[kept], chance[kept], weight[kept]


def _require(fine: NDArray[np.bool_], values: Floats, what: str, allowed: str) -> None:
    if not fine.all():
        rows = np.flatnonzero(~fine)
        raise _refuse(
            f"{len(rows)} rows with another {what}, the first {values[rows[0]]} in row {rows[0]}", f"each {what} {allowed}"
        )


def _refuse(found: str, allowed: str) -> RequestError:
    return RequestError(
        "a statistic was asked of rows it cannot judge", found=found, allowed=allowed, remedy="mend what scored them"
    )
