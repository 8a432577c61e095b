import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.tables.duplicates import dropped_rows, repeated_keys

ROWS = pd.DataFrame({"id": ["a", "b", "a", "a", "b"], "value": [1.0, np.nan, 1.0, 2.0, np.nan]})


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("none", [0, 0, 0, 0, 0]), ("exact", [0, 0, 1, 0, 1]), ("keep_last", [1, 1, 1, 0, 0])],
)
def test_each_mode_drops_what_it_declares(mode, expected: list[int]) -> None:
    assert dropped_rows(ROWS, mode, key=["id"], columns=["id", "value"]).tolist() == [bool(n) for n in expected]


def test_repeated_keys_are_all_named() -> None:
    assert repeated_keys(ROWS, ["id"]).tolist() == [True] * 5
    assert repeated_keys(ROWS.iloc[:2], ["id"]).tolist() == [False, False]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=12))
def test_keep_last_leaves_each_key_once_and_exact_leaves_each_row_once(rows: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["id", "value"])
    last = frame[~dropped_rows(frame, "keep_last", key=["id"], columns=["id", "value"])]
    assert not repeated_keys(last, ["id"]).any()
    assert dict(zip(last["id"], last["value"], strict=True)) == dict(rows)
    exact = frame[~dropped_rows(frame, "exact", key=["id"], columns=["id", "value"])]
    assert sorted(set(rows)) == sorted(exact.itertuples(index=False, name=None))
