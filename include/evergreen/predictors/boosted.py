"""A gradient-boosted model with two engines: XGBoost itself and ONNX Runtime."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from evergreen.predictors.arrays import Matrix, Vector

Engine = Literal["auto", "xgboost", "onnx"]
ONNX_BELOW_ROWS = 20
"""ONNX Runtime answers few rows faster, XGBoost many. 150 trees of depth 4 to 6 meet between 10 and 20 rows where categories
are split on, at 80 without; one row takes 10 to 50 microseconds against 150 to 350 (`tests/benchmarks/bench_engines.py`)."""


class BoostedModel:
    """A booster from bytes; an engine is imported and loaded when it is first asked.

    Args:
        ubj: XGBoost's own binary JSON.
        onnx: The same trees from `export_onnx`.
        intercept: Log-odds the trees start from. It is kept out of the booster, whose own start is 0, and added here: with
            nothing but trees to add up, both engines add the same numbers in the same order and agree to the last bit.
    """

    def __init__(self, ubj: bytes, onnx: bytes, intercept: float) -> None:
        self._ubj = ubj
        self._onnx = onnx
        self._intercept = intercept

    def score(self, matrix: Matrix, engine: Engine = "auto") -> Vector:
        """Return log-odds, shape (n_rows,).

        Args:
            matrix: float32 of shape (n_rows, n_columns).
            engine: `auto` takes ONNX Runtime below `ONNX_BELOW_ROWS` rows and XGBoost from there on.
        """
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        if engine == "onnx" or (engine == "auto" and len(matrix) < ONNX_BELOW_ROWS):
            (answer,) = self._session.run(self._outputs, {"features": matrix})
        else:
            answer = self._booster.inplace_predict(matrix, predict_type="margin", validate_features=False)
        return np.asarray(answer, dtype=np.float64).reshape(len(matrix)) + self._intercept

    @cached_property
    def _booster(self) -> Any:
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self._ubj))
        return booster

    @cached_property
    def _outputs(self) -> list[str]:
        return [output.name for output in self._session.get_outputs()]

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._onnx, options, providers=["CPUExecutionProvider"])
