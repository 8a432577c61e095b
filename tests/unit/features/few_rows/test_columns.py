"""Values on their way in and out."""

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.features.code import FeatureCode
from evergreen.features.few_rows import compile_row_features
from evergreen.features.few_rows.kinds import NotForFewRows
from evergreen.features.few_rows.zones import Zone
from few_rows_comparison import IDENTIFIERS, Comparison, moment, selecting, source

TYPES = {"at": "timestamp", "x": "number", "s": "string", "shop": "integer"}


def program(text, **options):
    return compile_row_features(FeatureCode.from_source(text), TYPES, {}, **options)


def test_moments_may_be_datetimes_of_any_zone_or_microseconds():
    hour = program(selecting({"hour": "nw.col('at').dt.hour()"}))
    at = datetime(2024, 3, 1, 23, 30, tzinfo=UTC)
    given_as = [at, at.astimezone(timezone(timedelta(hours=5))), moment("2024-03-01T23:30+00:00"), None]
    assert hour.run({"at": given_as}, 4) == {"hour": [23.0, 23.0, 23.0, None]}


def test_numbers_come_back_as_floats_and_what_is_missing_as_none():
    same = program(source("frame.select('x', 's', 'shop', one=nw.lit(1), big=nw.col('x') / 0)"), identifiers=IDENTIFIERS)
    found = same.run({"x": [1, None, float("nan")], "s": ["a", None, ""], "shop": [7, None, 8]}, 3)
    assert found == {
        "x": [1.0, None, None],
        "s": ["a", None, ""],
        "shop": [7.0, None, 8.0],
        "one": [1.0, 1.0, 1.0],
        "big": [None, None, None],
    }
    assert all(type(value) is float for name in ("x", "shop", "one") for value in found[name] if value is not None)


def test_numbers_that_are_categories_are_written_as_in_training():
    comparison = Comparison(source("frame.select('x', 's', hour=nw.col('at').dt.hour())"), categorical=("x", "hour", "s"))
    columns = {name: [None] * 4 for name in comparison.row_types}
    comparison.check(columns | {"x": [1.0, -0.0, 0.1, 1e300], "s": ["a", None, "b", "c"], "at": [0, 1, 2, 3_600_000_000]})
    assert program(source("frame.select('x')"), categorical=("nowhere",)) is None


def test_a_column_that_is_needed_must_be_there():
    with pytest.raises(KeyError, match="x"):
        program(source("frame.select('x')")).run({"s": ["a"]}, 1)


def test_fields_of_another_type_are_not_known():
    assert compile_row_features(FeatureCode.from_source(source("frame.select('x')")), {"x": "list"}, {}) is None


ZONES = ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]


@pytest.mark.parametrize("name", ZONES)
@given(moments=st.lists(st.integers(-2_000_000_000_000_000, 4_000_000_000_000_000), min_size=1, max_size=50))
def test_clocks_show_what_they_show_in_pandas(name, moments):
    zone = Zone(name)
    utc = pd.DatetimeIndex(pd.to_datetime(moments, unit="us")).as_unit("us")
    walls = utc.tz_localize("UTC").tz_convert(name).tz_localize(None)
    assert [value + zone.offset(value) for value in moments] == walls.astype("int64").tolist()


def test_a_wall_clock_is_read_only_where_it_is_clear():
    zone = Zone("America/New_York")
    assert zone.moment(moment("2024-07-01T12:00+00:00")) == moment("2024-07-01T12:00-04:00")
    for skipped_or_twice in ("2024-03-10T02:30+00:00", "2024-11-03T01:30+00:00"):
        with pytest.raises(NotForFewRows):
            zone.moment(moment(skipped_or_twice))
