"""The hot path's scorer gives the very answers of the predictor."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.predictors.calibration import IsotonicCalibration
from evergreen.predictors.row_scorer import RowScorer
from evergreen.settings import Settings
from released_models import a_bundle

NUMBERS = st.none() | st.floats() | st.integers(-5, 3000).map(float)
TEXTS = st.sampled_from([None, "AA", "UA", "DL", "ü&", "never seen", "6", "12", "18"])


@pytest.fixture(scope="module", params=["baseline", "logistic_regression", "xgboost", "isotonic"])
def predictor(request, tmp_path_factory):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    curve = IsotonicCalibration(scores=(-2.0, 0.0, 1.5), probabilities=(0.1, 0.4, 0.9))
    algorithm = "xgboost" if request.param == "isotonic" else request.param
    candidate = a_bundle(settings, algorithm, calibration=curve if request.param == "isotonic" else None)
    return load_predictor(Files(), candidate.bundle_uri, candidate.bundle_digest)


@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS), min_size=1, max_size=30))
def test_answers_equal_the_predictors_to_the_last_bit(predictor, rows):
    columns = dict(zip(("distance", "temp", "carrier", "hour"), map(list, zip(*rows, strict=True)), strict=True))
    scorer = RowScorer(predictor)
    plain = {name: [np.nan if value is None and name in ("distance", "temp") else value for value in column]
             for name, column in columns.items()}  # fmt: skip
    np.testing.assert_array_equal(scorer.matrix(columns, len(rows)), predictor.manifest.encoder.transform(plain))
    assert scorer.probability(columns, len(rows)) == predictor.probability(plain).tolist()
    assert scorer.threshold == predictor.manifest.threshold


def test_missing_infinite_and_unseen_are_one(predictor):
    scorer = RowScorer(predictor)
    rows = {"distance": [None, math.inf, 1e300], "temp": [math.nan] * 3, "carrier": [None, "x", "y"], "hour": [None, "z", "99"]}
    assert len(set(scorer.probability(rows, 3))) == 1
