"""The features of `flight_delays`, by pandas and by the program: no difference in any bit."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from few_rows_comparison import Comparison
from random_flights import FEATURES, NIGHT, PLACES, ROW_TYPES, flight_code, flights, known_at_night

START = int(NIGHT.floor("D").timestamp()) * 1_000_000
NUMBER = st.one_of(st.none(), st.just(math.nan), st.floats(allow_nan=False, allow_infinity=False))
OF_TYPE = {"string": st.one_of(st.none(), st.text(max_size=3)), "number": NUMBER, "timestamp": st.none()}
OF_FIELD = {
    **{name: st.one_of(st.none(), st.sampled_from(values)) for name, values in PLACES.items()},
    "scheduled_departure": st.integers(START - 10**13, START + 10**13),
}


@pytest.fixture(scope="module")
def comparison():
    return Comparison(FEATURES.read_text(), known_at_night(flight_code()), row_types=ROW_TYPES, identifiers=None)


@st.composite
def rows(draw):
    n_rows = draw(st.integers(1, 5))
    of = {name: OF_FIELD.get(name, OF_TYPE[kind]) for name, kind in ROW_TYPES.items()}
    return {name: draw(st.lists(values, min_size=n_rows, max_size=n_rows)) for name, values in of.items()}


def test_flights_of_two_days_have_the_features_that_pandas_gives(comparison):
    comparison.check(flights(2000))


@settings(max_examples=25, deadline=None)
@given(columns=rows())
def test_flights_of_any_sort_have_the_features_that_pandas_gives(comparison, columns):
    comparison.check(columns)


def test_a_flight_has_the_same_features_alone_and_among_others(comparison):
    columns = flights(64)
    together = comparison.program.run(columns, 64)
    for row in range(64):
        alone = comparison.program.run({name: values[row : row + 1] for name, values in columns.items()}, 1)
        assert alone == {name: [values[row]] for name, values in together.items()}


def test_a_flight_without_departure_is_left_to_pandas_which_refuses_it(comparison):
    comparison.check(flights(3) | {"scheduled_departure": [START, None, START]})


def test_only_what_the_features_need_is_read(comparison):
    assert set(comparison.program.columns) < set(ROW_TYPES)
    assert "flight_id" not in comparison.program.columns
    assert len(comparison.program.features) == 30


def test_no_rows_have_no_features(comparison):
    assert comparison.program.run({name: [] for name in ROW_TYPES}, 0) == {name: [] for name in comparison.program.features}
