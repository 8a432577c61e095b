import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.features.point_in_time import NEVER, latest_readable, shared_groups

small = st.integers(-5, 30)
table_rows = st.lists(st.tuples(st.integers(-1, 2), small, st.one_of(small, st.just(NEVER))), max_size=25)
wanted_rows = st.lists(st.tuples(st.integers(-1, 3), small), max_size=15)


def by_comparing_all(table, group, moment, within):
    best = -1
    for position, (other, event, readable) in enumerate(table):
        if group < 0 or other != group or readable == NEVER or readable > moment:
            continue
        if best < 0 or (event, readable, position) > (table[best][1], table[best][2], best):
            best = position
    too_old = best >= 0 and within is not None and table[best][1] < moment - within
    return -1 if too_old else best


@settings(max_examples=300, deadline=None)
@given(table=table_rows, wanted=wanted_rows, within=st.none() | st.integers(0, 20))
def test_the_newest_readable_row_is_found_as_by_comparing_all(table, wanted, within):
    columns = np.array(table, dtype=np.int64).reshape(-1, 3).T
    asked = np.array(wanted, dtype=np.int64).reshape(-1, 2).T
    found = latest_readable(*columns, *asked, within=within)
    assert found.tolist() == [by_comparing_all(table, group, moment, within) for group, moment in wanted]


def test_a_late_correction_of_an_old_event_does_not_hide_a_newer_event():
    groups, events, readable = np.zeros(2, np.int64), np.array([1, 5]), np.array([9, 6])
    assert latest_readable(groups, events, readable, np.zeros(1, np.int64), np.array([10])).tolist() == [1]


def test_a_row_is_readable_at_the_very_moment_and_not_before():
    zero = np.zeros(1, np.int64)
    assert latest_readable(zero, zero, np.array([7]), zero, np.array([7])).tolist() == [0]
    assert latest_readable(zero, zero, np.array([7]), zero, np.array([6])).tolist() == [-1]


def test_a_missing_value_belongs_to_no_group():
    table = pa.table({"a": ["x", None, "x"], "b": [1, 1, 2]})
    rows = pa.table({"a": ["x", None, "x", "y"], "b": [2, 1, None, 1]})
    of_table, of_rows = shared_groups(table, rows, ["a", "b"])
    assert of_table[1] == -1
    assert of_rows[[1, 2]].tolist() == [-1, -1]
    assert of_rows[0] == of_table[2]
    assert of_table[0] not in of_rows.tolist()
