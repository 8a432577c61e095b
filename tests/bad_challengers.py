"""Challengers that must not become champions, each wrong in another way: what `ServedModel.challenger` makes them from."""

from __future__ import annotations

import json
from typing import Any

from evergreen.predictors.calibration import SigmoidCalibration
from served_model import FREE

_BEGINNING = "    flights = "


def _endless(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Make the score of a logistic regression larger than any number."""
    model = json.loads(contents["model.json"])
    model["intercept"] = 1.7e308
    for term in model["categorical"]:
        term["weights"], term["weight_if_missing"] = [1.7e308] * len(term["weights"]), 1.7e308
    return {**contents, "model.json": json.dumps(model).encode()}


def slower(seconds: float) -> dict[str, Any]:
    """Features that take so much longer."""
    return {"source": "import time\n" + FREE.replace(_BEGINNING, f"    time.sleep({seconds})\n{_BEGINNING}", 1)}


SHUFFLED: dict[str, Any] = {"shuffled": True}
"""It has learned from labels in another order."""
NO_NUMBER: dict[str, Any] = {
    "algorithm": "logistic_regression",
    "calibration": SigmoidCalibration(slope=0.0, intercept=0.1),
    "change": _endless,
}
"""It says zero times infinity."""
CONSTANT: dict[str, Any] = {"calibration": SigmoidCalibration(slope=0.0, intercept=0.1)}
"""It says the same of everything."""
RAISES: dict[str, Any] = {"source": FREE.replace('"RAISE"', '"ü&"')}
"""Its features raise for one carrier in four, which the examples do not have."""
HANGS: dict[str, Any] = slower(2.0)
"""It takes longer than callers wait."""
