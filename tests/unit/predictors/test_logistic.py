import numpy as np
import pandas as pd
import pytest

from evergreen.predictors.encoder import Encoder
from evergreen.predictors.logistic import LogisticModel, fit_logistic, prepare_logistic


def learn(frame, label, numeric, categorical=(), inverse_penalty=1.0):
    encoder = Encoder.fit(frame, numeric, categorical)
    matrix = encoder.transform(frame)
    prepared = prepare_logistic(encoder, matrix)
    label = np.asarray(label, dtype=np.float64)
    return matrix, fit_logistic(prepared, prepared.design(matrix), label, np.ones(len(label)), inverse_penalty=inverse_penalty)


@pytest.fixture
def flights():
    rng = np.random.default_rng(0)
    n = 3000
    frame = pd.DataFrame(
        {
            "wind": np.where(rng.uniform(size=n) < 0.1, np.nan, rng.gamma(3, 4, n)),
            "constant": 5.0,
            "nothing": np.nan,
            "carrier": rng.choice(["AA", "B6", "EV"], n),
        }
    )
    score = 0.1 * frame["wind"].fillna(12) - 2 + (frame["carrier"] == "EV")
    return frame, (rng.uniform(size=n) < 1 / (1 + np.exp(-score))).astype(float)


def test_scores_are_what_the_design_times_the_weights_gives(flights):
    frame, label = flights
    matrix, model = learn(frame, label, ("wind", "constant", "nothing"), ("carrier",))
    weights = [w for term in model.numeric for w in (term.weight, term.weight_if_missing)]
    weights += [w for term in model.categorical for w in (*term.weights, term.weight_if_missing)]
    assert model.score(matrix) == pytest.approx(model.design(matrix) @ np.array(weights) + model.intercept)


def test_constant_and_empty_columns_weigh_nothing(flights):
    frame, label = flights
    _, model = learn(frame, label, ("wind", "constant", "nothing"), ("carrier",))
    wind, constant, nothing = model.numeric
    assert wind.weight > 0.3
    assert constant.weight == pytest.approx(0, abs=1e-9)
    assert nothing.weight == pytest.approx(0, abs=1e-9)
    assert np.isfinite(nothing.weight_if_missing)


def test_a_missing_number_is_imputed_and_flagged(flights):
    frame, label = flights
    _, model = learn(frame, label, ("wind",))
    term = model.numeric[0]
    (score,) = model.score(np.array([[np.nan]], dtype=np.float32))
    at_median = model.intercept + term.weight * (term.median - term.mean) / term.scale
    assert score == pytest.approx(at_median + term.weight_if_missing)


def test_an_absurd_number_is_cut(flights):
    frame, label = flights
    _, model = learn(frame, label, ("wind",))
    extreme, worse = model.score(np.array([[1e6], [1e30]], dtype=np.float32))
    assert extreme == worse
    assert np.isfinite(worse)


def test_a_row_scores_the_same_alone_and_in_a_crowd(flights):
    frame, label = flights
    matrix, model = learn(frame, label, ("wind", "constant"), ("carrier",))
    assert np.concatenate([model.score(matrix[[row]]) for row in range(50)]).tolist() == model.score(matrix)[:50].tolist()


def test_the_model_reads_back_from_its_text(flights):
    frame, label = flights
    matrix, model = learn(frame, label, ("wind",), ("carrier",))
    assert LogisticModel.model_validate_json(model.to_bytes()).score(matrix).tolist() == model.score(matrix).tolist()
