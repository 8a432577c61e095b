import logging
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.errors import FeatureError
from evergreen.features.returned import check_frame, merge_kinds, to_columns

GOOD = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"]})
DOUBLED = pd.DataFrame([[1, 2], [1, 2], [1, 2]], columns=["a", "a"])


def test_a_frame_that_fits_its_rows_passes():
    check_frame(GOOD, 3, forbidden={"visit"})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (GOOD.head(2), "one row per row"),
        (pd.concat([GOOD, GOOD], ignore_index=True), "one row per row"),
        (GOOD.sort_values("a", ascending=False), "changed the index or the order"),
        (GOOD.set_index("a"), "changed the index or the order"),
        (GOOD[[]], "returned no feature"),
        (GOOD.rename(columns={"a": "_a"}), "no usable name"),
        (GOOD.rename(columns={"a": 7}), "no usable name"),
        (DOUBLED, "the same name"),
        (GOOD.rename(columns={"a": "visit"}), "name of a key or of the label"),
    ],
)
def test_a_frame_that_does_not_is_refused(frame, message):
    with pytest.raises(FeatureError, match=message):
        check_frame(frame, 3, forbidden={"visit", "spent"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, None], [1.0, 2.0, None]),
        ([True, False, None], [1.0, 0.0, None]),
        ([Decimal("1.5"), None, Decimal(2)], [1.5, None, 2.0]),
        (pd.array([1, None, 3], "Int64"), [1.0, None, 3.0]),
        (pd.array([True, None, False], "boolean"), [1.0, None, 0.0]),
        (pd.array([1, None, 3], pd.ArrowDtype(pa.int64())), [1.0, None, 3.0]),
        (np.array([1, 2, 3], np.float32), [1.0, 2.0, 3.0]),
        (pd.Categorical([1, None, 3]), [1.0, None, 3.0]),
        (["x", None, "y"], ["x", None, "y"]),
        (["x", float("nan"), "y"], ["x", None, "y"]),
        (pd.array(["x", None, "y"], "string"), ["x", None, "y"]),
        (pd.array(["x", None, "y"], pd.ArrowDtype(pa.large_string())), ["x", None, "y"]),
        (pd.Categorical(["x", None, "y"]), ["x", None, "y"]),
        ([None, None, None], [None, None, None]),
    ],
)
def test_columns_become_numbers_or_text(values, expected):
    assert to_columns(pd.DataFrame({"a": values})).column("a").to_pylist() == expected


@pytest.mark.parametrize(
    "values",
    [
        ["x", 1, "y"],
        [[1], [2], [3]],
        [date(2024, 3, 1)] * 3,
        pd.to_datetime(["2024-03-01"] * 3),
        pd.to_timedelta([1, 2, 3]),
        [1j, 2j, 3j],
    ],
)
def test_neither_numbers_nor_text_is_refused_with_examples(values):
    with pytest.raises(FeatureError, match="feature 'a' is neither a number nor text") as caught:
        to_columns(pd.DataFrame({"a": values}))
    assert "such as" in caught.value.found


def test_infinite_values_become_missing_and_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        columns = to_columns(pd.DataFrame({"a": [1.0, np.inf, -np.inf]}))
    assert columns.column("a").to_pylist() == [1.0, None, None]
    assert "feature a: 2 infinite values became missing" in caplog.text


def test_declared_categories_become_text():
    columns = to_columns(pd.DataFrame({"a": [1, None, 2.5]}), categorical=["a"])
    assert columns.column("a").to_pylist() == ["1", None, "2.5"]


def test_a_declared_category_that_is_no_feature_names_the_nearest():
    with pytest.raises(FeatureError, match="did you mean weekday"):
        to_columns(pd.DataFrame({"weekday": [1]}), categorical=["week_day"])


def test_kinds_over_days():
    assert merge_kinds("a", ["null", "double"]) == "double"
    assert merge_kinds("a", ["null"]) == "null"
    with pytest.raises(FeatureError, match="a number on one day and text on another"):
        merge_kinds("a", ["double", "null", "string"])
