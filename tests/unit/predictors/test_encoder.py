import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import FeatureError
from evergreen.predictors.encoder import Encoder, category_text


def encoder_of(frame, numeric=("x",), categorical=("c",), **options):
    return Encoder.fit(frame, numeric, categorical, **options)


def test_numbers_become_float32_and_categories_become_positions():
    frame = pd.DataFrame({"c": ["b", "a", "b"], "x": [1, 2, 3]})
    matrix = encoder_of(frame).transform(frame)
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == [[1, 1], [2, 0], [3, 1]]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "never seen"])
def test_missing_and_unseen_categories_are_nan(missing):
    encoder = encoder_of(pd.DataFrame({"c": ["a", "b"], "x": [0.0, 0.0]}))
    for repeats in (1, 100):  # the plain loop, and the factorised way
        matrix = encoder.transform(
            pd.DataFrame({"c": pd.Series([missing, "b"] * repeats, dtype=object), "x": [0.0, 0.0] * repeats})
        )
        assert np.isnan(matrix[::2, 1]).all()
        assert (matrix[1::2, 1] == 1).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300, -1e300])
def test_what_float32_cannot_hold_is_missing(value):
    frame = pd.DataFrame({"x": [value, 1.0]})
    matrix = encoder_of(frame, categorical=()).transform(frame)
    assert np.isnan(matrix[0, 0])
    assert matrix[1, 0] == 1


def test_nullable_and_boolean_columns_are_numbers():
    frame = pd.DataFrame({"x": pd.array([1, None, 3], dtype="Int64"), "y": [True, False, True]})
    matrix = encoder_of(frame, numeric=("x", "y"), categorical=()).transform(frame)
    assert np.array_equal(matrix, np.array([[1, 1], [np.nan, 0], [3, 1]], dtype=np.float32), equal_nan=True)


def test_text_in_a_numeric_column_is_said():
    frame = pd.DataFrame({"x": ["12", "n/a"]})
    with pytest.raises(FeatureError, match="x: could not convert"):
        encoder_of(frame, categorical=()).transform(frame)


def test_a_missing_column_is_named():
    encoder = encoder_of(pd.DataFrame({"c": ["a"], "x": [1.0]}))
    with pytest.raises(FeatureError, match="no column c"):
        encoder.transform(pd.DataFrame({"x": [1.0]}))


def test_the_most_frequent_categories_stay_and_the_rest_is_counted():
    frame = pd.DataFrame({"c": [f"v{n}" for n in range(5000)] + ["often"] * 3 + ["twice"] * 2, "x": 0.0})
    (column,) = encoder_of(frame, max_categories=3).categorical
    assert column.values == ("often", "twice", "v0")
    assert column.left_out == 4999


def test_declared_categories_without_rows_are_not_kept():
    frame = pd.DataFrame({"c": pd.Categorical(["a"], categories=["a", "ghost"]), "x": [0.0]})
    assert encoder_of(frame).categorical[0].values == ("a",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"), (5.0, "5"), (np.int64(5), "5"), (np.float32(5), "5"), (0.5, "0.5"), (float("inf"), "inf"), ("", ""),
        (True, "true"), (np.bool_(False), "false"),
        (float("nan"), None), (pd.NA, None), (pd.NaT, None), (None, None),
    ],
)  # fmt: skip
def test_a_category_has_one_text(value, text):
    assert category_text(value) == text


def test_a_column_without_any_value_is_all_missing():
    frame = pd.DataFrame({"c": pd.Series([None, None], dtype=object), "x": [np.nan, np.nan]})
    assert np.isnan(encoder_of(frame).transform(frame)).all()


def test_a_mapping_is_encoded_like_a_frame():
    frame = pd.DataFrame({"c": ["a", None], "x": [1.0, np.nan]})
    encoder = encoder_of(frame)
    plain = {"c": ["a", None], "x": [1.0, None]}
    assert np.array_equal(encoder.transform(plain), encoder.transform(frame), equal_nan=True)


@given(st.lists(st.one_of(st.none(), st.text(max_size=5), st.integers(-9, 9)), min_size=1, max_size=150))
def test_encoding_does_not_depend_on_the_rows_beside_it_nor_on_a_round_trip(values):
    frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    encoder = encoder_of(frame, numeric=())
    matrix = encoder.transform(frame)
    restored = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert restored == encoder
    one_by_one = np.vstack([restored.transform(frame.iloc[[row]]) for row in range(len(frame))])
    assert np.array_equal(matrix, one_by_one, equal_nan=True)


def test_no_columns_give_a_matrix_without_columns():
    assert encoder_of(pd.DataFrame({"x": [1, 2]}), (), ()).transform(pd.DataFrame({"x": [1, 2]})).shape == (2, 0)
