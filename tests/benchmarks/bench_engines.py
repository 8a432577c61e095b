"""Time to score with ONNX Runtime and with XGBoost by number of rows, for boosters with and without categories.

Run with `make bench`. Where the two meet decides `ONNX_BELOW_ROWS`. Each figure is the median of many calls in one process,
in microseconds, encoding left out.
"""

import statistics
import time

import numpy as np
import pytest
import xgboost

from evergreen.predictors.boosted import BoostedModel
from evergreen.predictors.onnx_export import export_onnx

ROWS = (1, 5, 10, 20, 40, 80, 160, 1000)


def _model(depth, rounds, categories):
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.normal(size=(20_000, 20)), *(rng.integers(0, n, 20_000) for n in categories)]).astype(
        np.float32
    )
    score = matrix[:, 0] + 0.5 * matrix[:, 1] + sum(np.sin(matrix[:, 20 + i]) for i in range(len(categories)))
    label = (score + rng.normal(size=20_000) > 0).astype(float)
    kinds = ["q"] * 20 + ["c"] * len(categories)
    data = xgboost.QuantileDMatrix(matrix, label, feature_types=kinds, enable_categorical=True, nthread=1)
    settings = {"objective": "binary:logistic", "base_score": 0.5, "max_depth": depth, "nthread": 1}
    booster = xgboost.train(settings, data, rounds)
    return BoostedModel(bytes(booster.save_raw("ubj")), export_onnx(booster), 0.0), matrix


def _microseconds(model, matrix, engine):
    took = []
    for _ in range(200 if len(matrix) < 100 else 30):
        began = time.perf_counter()
        model.score(matrix, engine)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


@pytest.mark.parametrize(("depth", "rounds", "categories"), [(5, 150, ()), (4, 150, (16, 100)), (6, 150, (16, 100))])
def test_engines_by_number_of_rows(depth, rounds, categories):
    model, matrix = _model(depth, rounds, categories)
    print(f"\n{rounds} trees of depth {depth}, {len(categories)} categorical features\n{'rows':>6}{'onnx':>10}{'xgboost':>10}")
    for rows in ROWS:
        onnx, native = (_microseconds(model, matrix[:rows], engine) for engine in ("onnx", "xgboost"))
        print(f"{rows:>6}{onnx:>10.0f}{native:>10.0f}")
    assert model.score(matrix, "onnx").tolist() == model.score(matrix, "xgboost").tolist()
