"""Score a feature frame with an Evergreen bundle, without Evergreen.

`mlflow.pyfunc.load_model` runs this file; it stands alone and needs MLflow, NumPy, pandas and, for boosted trees, ONNX Runtime.
The bundle beside it is plain data: JSON and an ONNX graph. Nothing is unpickled. What this file computes is what
`evergreen.predictors` computes; a test holds the two together to the last digits.
"""

from __future__ import annotations

import hashlib
import json
import math
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

_LARGEST_DEVIATION = 10.0
_SMALLEST_PROBABILITY = 1e-6


class PlainModel(PythonModel):  # type: ignore[misc]
    """Features in, `probability` and `decision` out."""

    def load_context(self, context: Any) -> None:
        """Read the bundle and check each file against the manifest."""
        folder = Path(context.artifacts["bundle"])
        self._manifest = json.loads((folder / "manifest.json").read_bytes())
        for name, described in self._manifest["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != described["sha256"]:
                raise ValueError(f"{name} is not the file that the manifest describes: download the model again")
        if self._manifest["algorithm"] == "xgboost":
            self._score = _open_trees((folder / "model.onnx").read_bytes(), self._manifest["intercept"])
        else:
            model = json.loads((folder / "model.json").read_bytes())
            self._score = _open_rates(model) if self._manifest["algorithm"] == "baseline" else _open_logistic(model)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one row per input row.

        Args:
            context: Not used; the bundle was read when the model was loaded.
            model_input: Features by column; other columns are ignored.
            params: Not used.

        Returns:
            `probability` of a yes, between 0 and 1, and `decision`, true from the threshold on; the input's index.
        """
        frame = pd.DataFrame(model_input)
        scores = self._score(_matrix(self._manifest["encoder"], frame)) if len(frame) else np.empty(0)
        probability = np.clip(
            _calibrated(self._manifest["calibration"], scores), _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY
        )
        decision = probability >= self._manifest["threshold"]
        return pd.DataFrame({"probability": probability, "decision": decision}, index=frame.index)


def _matrix(encoder: dict[str, Any], frame: pd.DataFrame) -> np.ndarray:
    names = [*encoder["numeric"], *(column["column"] for column in encoder["categorical"])]
    missing = [name for name in names if name not in frame]
    if missing:
        raise ValueError(f"features are missing: {', '.join(missing[:10])}")
    columns = [_numbers(frame[name]) for name in encoder["numeric"]]
    for column in encoder["categorical"]:
        positions = {text: float(code) for code, text in enumerate(column["values"])}
        codes = [positions.get(_category(value), math.nan) for value in frame[column["column"]]]
        columns.append(np.array(codes, dtype=np.float32))
    if not columns:
        return np.empty((len(frame), 0), dtype=np.float32)
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float32)


def _numbers(column: pd.Series) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _category(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(number)) if number.is_integer() else str(number)
    return str(value)


def _open_trees(onnx: bytes, intercept: float) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def score(matrix: np.ndarray) -> np.ndarray:
        (answer,) = session.run(None, {"features": matrix})
        return np.asarray(answer, dtype=np.float64).reshape(len(matrix)) + intercept

    return score


def _open_rates(model: dict[str, Any]) -> Any:
    rates = {tuple(group["codes"]): group["rate"] for group in model["groups"]}

    def score(matrix: np.ndarray) -> np.ndarray:
        rate = np.array([rates.get(tuple(row), model["overall"]) for row in matrix.tolist()], dtype=np.float64)
        return np.log(rate) - np.log1p(-rate)

    return score


def _open_logistic(model: dict[str, Any]) -> Any:
    def score(matrix: np.ndarray) -> np.ndarray:
        total = np.full(len(matrix), model["intercept"], dtype=np.float64)
        for position, term in enumerate(model["numeric"]):
            values = matrix[:, position].astype(np.float64)
            imputed = np.where(np.isnan(values), term["median"], values)
            standard = np.clip((imputed - term["mean"]) / term["scale"], -_LARGEST_DEVIATION, _LARGEST_DEVIATION)
            total += term["weight"] * standard + term["weight_if_missing"] * np.isnan(values)
        for position, category in enumerate(model["categorical"], start=len(model["numeric"])):
            table = np.array([*category["weights"], category["weight_if_missing"]], dtype=np.float64)
            codes = matrix[:, position]
            total += table[np.where(np.isnan(codes), len(table) - 1, codes).astype(np.intp)]
        return total

    return score


def _calibrated(calibration: dict[str, Any], score: Any) -> Any:
    if calibration["method"] == "isotonic":
        return np.interp(score, calibration["scores"], calibration["probabilities"])
    if calibration["method"] == "sigmoid":
        score = calibration["slope"] * score + calibration["intercept"]
    tail = np.exp(-np.abs(score))
    return np.where(score >= 0, 1.0, tail) / (1.0 + tail)


set_model(PlainModel())
