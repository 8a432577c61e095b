"""What is published of a joined table answers, at every moment from the earliest on, as the whole table does."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.definitions.data import Join
from evergreen.errors import FeatureError
from evergreen.features.online_joins import OnlineJoin
from evergreen.features.online_tables import EVENT_TIME, READABLE_FROM, entity_frames, entity_tables
from evergreen.features.point_in_time import NEVER, ever_found, latest_readable

small = st.integers(-5, 30)
table_rows = st.lists(st.tuples(st.integers(-1, 2), small, st.one_of(small, st.just(NEVER))), max_size=25)
within = st.none() | st.integers(0, 20)


@settings(max_examples=300, deadline=None)
@given(table=table_rows, earliest=small, ahead=st.lists(st.integers(0, 40), min_size=1, max_size=6), within=within)
def test_few_rows_answer_as_all_do(table, earliest, ahead, within):
    columns = np.array(table, dtype=np.int64).reshape(-1, 3).T
    few = ever_found(*columns, earliest=earliest, within=within)
    assert few.tolist() == sorted(set(few.tolist()))
    moments = np.array([earliest + span for span in ahead for _ in range(3)], dtype=np.int64)
    wanted = np.array([0, 1, 2] * len(ahead), dtype=np.int64)
    whole = latest_readable(*columns, wanted, moments, within=within)
    found = latest_readable(*(column[few] for column in columns), wanted, moments, within=within)
    assert [few[position] if position >= 0 else -1 for position in found] == whole.tolist()


def test_of_a_group_that_is_quiet_one_row_is_kept():
    groups, events = np.zeros(100, np.int64), np.arange(100)
    assert ever_found(groups, events, events + 1, earliest=200).tolist() == [99]
    assert ever_found(groups, events, events + 1, earliest=98).tolist() == [97, 98, 99]
    assert ever_found(groups, events, events + 1, earliest=98, within=0).tolist() == [98, 99]


@settings(max_examples=200, deadline=None)
@given(table=table_rows, wanted=st.lists(st.tuples(st.integers(-1, 3), small), max_size=15), within=within)
def test_one_lookup_answers_as_the_vectorised_join(table, wanted, within):
    rows = [row for row in table if row[2] != NEVER]
    moment = pa.timestamp("us", "UTC")
    published = pa.table(
        {
            "shop": pa.array([str(group) if group >= 0 else None for group, _, _ in rows], pa.string()),
            "price": pa.array([float(position) for position in range(len(rows))], pa.float64()),
            EVENT_TIME: pa.array([event for _, event, _ in rows], pa.int64()).cast(moment),
            READABLE_FROM: pa.array([readable for _, _, readable in rows], pa.int64()).cast(moment),
        }
    )
    limit = None if within is None else timedelta(microseconds=within)
    join = OnlineJoin(Join.model_construct(by=("shop",), prefix="", within=limit), published, ())
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    asked = np.array(wanted, dtype=np.int64).reshape(-1, 2).T
    expected = latest_readable(*columns, *asked, within=within).tolist()
    found = [join.position([str(group) if group >= 0 else None], at) for group, at in wanted]
    assert found == expected
    assert join.added(found) == {"price": [None if position < 0 else float(position) for position in expected]}


def test_several_columns_join_together():
    rows = pa.table({"a": ["x", "x", None], "b": [1, 2, 1], "value": [1.0, 2.0, 3.0]})
    join = OnlineJoin(Join(by=("a", "b"), prefix="p_"), rows, {"a", "b"})
    assert [join.position(by, 0) for by in (["x", 2], ["x", 3], [None, 1], ["x", 1])] == [1, -1, -1, 0]
    assert join.types == {"p_value": "number"}


def test_entity_frames_come_back_as_they_were():
    import pandas as pd

    frame = pd.DataFrame(
        {
            "text": ["a", None, "ü"],
            "number": [0.1, np.nan, 1e300],
            "count": np.array([1, 2, 3], dtype=np.int32),
            "whole": pd.array([1, None, 2**60], dtype="Int64"),
            "answer": pd.array([True, None, False], dtype="boolean"),
            "flag": [True, False, True],
            "kind": pd.Categorical(["b", "a", "b"], categories=["b", "a"], ordered=True),
            "moment": pd.to_datetime([1_709_251_200_123_456_789, None, 0], unit="ns", utc=True),
            "local": pd.to_datetime(["2024-03-01", "2024-07-01", None]).tz_localize("America/New_York"),
            "span": pd.to_timedelta([1, 2, None], unit="s"),
        },
        index=pd.Index(["x", "y", "z"], name="key"),
    )
    again = entity_frames(entity_tables({"frame": frame, "empty": frame.iloc[:0].reset_index()}))
    pd.testing.assert_frame_equal(again["frame"], frame, check_exact=True)
    pd.testing.assert_frame_equal(again["empty"], frame.iloc[:0].reset_index(), check_exact=True)


@pytest.mark.parametrize("values", [["a", 1], [object(), None], [1 + 2j, 0]])
def test_an_entity_frame_that_would_change_is_refused(values):
    import pandas as pd

    with pytest.raises(FeatureError, match="entity frame 'frame' cannot be published"):
        entity_tables({"frame": pd.DataFrame({"column": values})})


def test_moments_of_tables_are_not_moved():
    """Publishing counts in microseconds; a moment of 1970 is not a missing one."""
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    rows = pa.table(
        {
            "shop": ["a"],
            "seen": pa.array([moment], pa.timestamp("us", "UTC")),
            EVENT_TIME: pa.array([moment], pa.timestamp("us", "UTC")),
            READABLE_FROM: pa.array([moment], pa.timestamp("us", "UTC")),
        }
    )
    join = OnlineJoin(Join(by=("shop",)), rows, ())
    assert join.added([join.position(["a"], 0)]) == {"seen": [0]}
    assert join.position(["a"], -1) == -1
