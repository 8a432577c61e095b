import numpy as np
import pytest
import xgboost

from evergreen.predictors.boosted import ONNX_BELOW_ROWS, BoostedModel
from evergreen.predictors.onnx_export import export_onnx

CATEGORIES = 60


def make_matrix(n, seed=0):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, CATEGORIES, n), rng.integers(0, 3, n)]).astype(
        np.float32
    )
    matrix[rng.uniform(size=matrix.shape) < 0.1] = np.nan
    return matrix


def make_booster(rounds=40, base_score=0.5, seed=0, categorical=True):
    matrix = make_matrix(4000, seed)
    effect = np.random.default_rng(9).normal(size=CATEGORIES + 1)
    score = np.nan_to_num(matrix[:, 0]) + effect[np.nan_to_num(matrix[:, 3], nan=CATEGORIES).astype(int)]
    label = (score > 0).astype(float)
    kinds = ["q", "q", "q", "c", "c"] if categorical else ["q"] * 5
    data = xgboost.QuantileDMatrix(matrix, label, feature_types=kinds, enable_categorical=True, nthread=1)
    settings = {"objective": "binary:logistic", "base_score": base_score, "max_depth": 6, "nthread": 1, "seed": seed}
    return xgboost.train(settings, data, rounds)


def model_of(booster, intercept=0.0):
    return BoostedModel(bytes(booster.save_raw("ubj")), export_onnx(booster), intercept)


@pytest.mark.parametrize("categorical", [True, False])
def test_engines_agree_to_the_last_bit(categorical):
    model, matrix = model_of(make_booster(categorical=categorical)), make_matrix(5000, seed=1)
    assert model.score(matrix, "onnx").tolist() == model.score(matrix, "xgboost").tolist()


def test_values_on_a_threshold_go_the_same_way():
    booster = make_booster()
    matrix = make_matrix(2000, seed=0)  # training values: thresholds lie on them
    model = model_of(booster)
    assert model.score(matrix, "onnx").tolist() == model.score(matrix, "xgboost").tolist()


def test_a_row_scores_the_same_alone_and_in_a_crowd():
    model, matrix = model_of(make_booster(), intercept=-1.25), make_matrix(200, seed=2)
    together = model.score(matrix)
    assert np.concatenate([model.score(matrix[[row]]) for row in range(len(matrix))]).tolist() == together.tolist()


def test_another_base_score_is_kept():
    model, matrix = model_of(make_booster(base_score=0.2)), make_matrix(500, seed=3)
    assert model.score(matrix, "onnx") == pytest.approx(model.score(matrix, "xgboost"), abs=1e-5)


def test_the_intercept_is_added():
    booster, matrix = make_booster(rounds=3), make_matrix(100)
    assert model_of(booster, 0.5).score(matrix) == pytest.approx(model_of(booster, 0.0).score(matrix) + 0.5)


def test_trees_without_a_split_are_exported():
    data = xgboost.QuantileDMatrix(np.zeros((50, 2), dtype=np.float32), np.repeat([0.0, 1.0], 25), feature_types=["q", "c"],
                                   enable_categorical=True)  # fmt: skip
    booster = xgboost.train({"objective": "binary:logistic", "base_score": 0.5, "nthread": 1}, data, 2)
    model = model_of(booster)
    assert model.score(np.zeros((3, 2), dtype=np.float32), "onnx").tolist() == [0.0, 0.0, 0.0]


def test_export_gives_the_same_bytes_and_names_no_producer():
    booster = make_booster()
    assert export_onnx(booster) == export_onnx(booster)
    assert export_onnx(booster) != export_onnx(make_booster(seed=1))
    import onnx

    model = onnx.load_from_string(export_onnx(booster))
    onnx.checker.check_model(model)
    assert (model.producer_name, model.producer_version, model.doc_string) == ("", "", "")


@pytest.mark.parametrize(("rows", "engine"), [(1, "onnx"), (ONNX_BELOW_ROWS - 1, "onnx"), (ONNX_BELOW_ROWS, "xgboost")])
def test_auto_takes_the_engine_that_is_faster(rows, engine):
    good = make_booster(rounds=2)
    broken = {"onnx": (b"broken", export_onnx(good)), "xgboost": (bytes(good.save_raw("ubj")), b"broken")}[engine]
    assert len(BoostedModel(*broken, 0.0).score(make_matrix(rows))) == rows


def test_no_rows_give_no_scores():
    assert BoostedModel(b"", b"", 0.0).score(np.empty((0, 5), dtype=np.float32)).shape == (0,)
