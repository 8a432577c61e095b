"""A trained model that answers: features in, probabilities and decisions out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from evergreen.predictors.baseline import RateTable
from evergreen.predictors.boosted import BoostedModel
from evergreen.predictors.logistic import LogisticModel

if TYPE_CHECKING:
    from evergreen.predictors.arrays import Columns, Matrix, Vector
    from evergreen.predictors.boosted import Engine
    from evergreen.predictors.manifest import BundleManifest

Model: TypeAlias = RateTable | LogisticModel | BoostedModel


class Predictor:
    """A model with its encoder, calibration and threshold.

    Args:
        manifest: What the bundle says about itself.
        model: The model in memory.
    """

    def __init__(self, manifest: BundleManifest, model: Model) -> None:
        self.manifest = manifest
        self._model = model

    @property
    def numeric(self) -> tuple[str, ...]:
        """Numeric features a frame must have."""
        return self.manifest.numeric

    @property
    def categorical(self) -> tuple[str, ...]:
        """Categorical features a frame must have."""
        return self.manifest.categorical

    def score(self, frame: Columns, *, engine: Engine = "auto") -> Vector:
        """Return the model's own log-odds before calibration, shape (n_rows,).

        Args:
            frame: Rows with the model's features; other columns are ignored.
            engine: Which engine a boosted model uses; see `BoostedModel.score`.

        Raises:
            FeatureError: A feature is missing or holds something that is no number.
        """
        return self.score_matrix(self.manifest.encoder.transform(frame), engine=engine)

    def score_matrix(self, matrix: Matrix, *, engine: Engine = "auto") -> Vector:
        """Return the same for rows that the encoder has been through, float32 of shape (n_rows, n_columns)."""
        if isinstance(self._model, BoostedModel):
            return self._model.score(matrix, engine)
        return self._model.score(matrix)

    def probability(self, frame: Columns, *, engine: Engine = "auto") -> Vector:
        """Return calibrated probabilities of a yes, shape (n_rows,), strictly between 0 and 1."""
        return self.manifest.calibration.apply(self.score(frame, engine=engine))

    def decide(self, probability: Vector) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return the answer to each probability, shape (n_rows,): yes from the threshold on."""
        return np.asarray(probability >= self.manifest.threshold, dtype=np.bool_)


def onnx_parity(predictor: Predictor, frame: Columns) -> float:
    """Return the largest absolute difference of the two engines' scores, in log-odds; 0 is perfect.

    A model without a second engine agrees with itself. Without rows nothing was compared and the answer is NaN, which no gate
    may take for agreement.
    """
    by_onnx = predictor.score(frame, engine="onnx")
    if not len(by_onnx):
        return float("nan")
    return float(np.max(np.abs(by_onnx - predictor.score(frame, engine="xgboost"))))
