"""The features that ship: alike on several engines, blind to what is not known yet."""

import importlib.util
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evergreen.features.days import build_days
from evergreen.features.history import History
from evergreen.features.rows import rows_to_predict

FOLDER = Path(__file__).parents[3] / "include" / "models" / "flight_delays"
FIRST, DAY = date(2013, 1, 1), date(2013, 1, 11)


def features_of(definition, code, tables, *days):
    return build_days(definition, code, tables, days).days[days[-1]].to_pandas()


def test_what_decides_about_a_flight_is_there(definition, code, tables):
    built = features_of(definition, code, tables, DAY)
    wanted = ["carrier", "origin", "dest", "hour", "minute_of_day", "weekday", "distance", "plane_age", "plane_seats"]
    rates = [f"{entity}_late_share_{span}" for entity in ("carrier", "origin", "dest") for span in ("yesterday", "last_week")]
    for name in [*wanted, "flights_that_hour", "temp", "precip", *rates]:
        assert built[name].notna().mean() > 0.7, name
    assert built["hour"].between(5, 23).all()
    assert set(built["weekday"]) == {5.0}
    assert built[rates].stack().between(0, 1).all()


def test_flights_that_hour_are_those_of_the_schedule(definition, code, tables):
    built = features_of(definition, code, tables, DAY)
    counted = built.groupby(["origin", "hour"])["flights_that_hour"].agg(["size", "min", "max"])
    assert (counted["size"] == counted["min"]).all()
    assert (counted["size"] == counted["max"]).all()


def test_yesterdays_share_is_that_of_the_flights_recorded_since_the_last_night(definition, code, tables):
    built = features_of(definition, code, tables, DAY)
    night = pd.Timestamp(definition.schedule.moment(DAY))
    arrivals = tables["arrivals"].to_pandas()
    recorded = arrivals[arrivals["recorded_at"].between(night - pd.Timedelta(days=1), night, inclusive="right")]
    landed = recorded.dropna(subset="arr_delay")
    shares = (landed["arr_delay"] > 15).groupby(landed["carrier"]).mean()
    expected = built["carrier"].map(shares).to_numpy()
    np.testing.assert_allclose(built["carrier_late_share_yesterday"], expected)


def test_the_first_day_has_no_history_and_is_built_all_the_same(definition, code, tables):
    built = features_of(definition, code, tables, FIRST)
    assert len(built) > 800
    assert built["carrier_late_share_last_week"].isna().all()


def test_labels_not_known_by_the_night_change_nothing(definition, code, tables):
    """Whatever stands in rows recorded after 03:00 of the day, the day's features stay as they are."""
    built = features_of(definition, code, tables, DAY)
    arrivals = tables["arrivals"]
    late = pc.greater(arrivals.column("recorded_at"), pa.scalar(definition.schedule.moment(DAY), pa.timestamp("us", "UTC")))
    assert pc.sum(late).as_py() > 800
    index = arrivals.schema.get_field_index("arr_delay")
    delays = arrivals.column("arr_delay")
    forged = arrivals.set_column(index, "arr_delay", pc.if_else(late, pa.scalar(999.0), delays))
    pd.testing.assert_frame_equal(features_of(definition, code, {**tables, "arrivals": forged}, DAY), built)
    all_forged = arrivals.set_column(index, "arr_delay", pa.repeat(pa.scalar(999.0), arrivals.num_rows))
    assert not features_of(definition, code, {**tables, "arrivals": all_forged}, DAY).equals(built)


@pytest.mark.parametrize("engine", ["pyarrow", "polars"])
def test_the_same_values_on_another_engine(definition, code, tables, engine):
    """Only the order of joined rows is the engine's own business, and so rows are compared sorted."""
    convert = pytest.importorskip("polars").from_pandas if engine == "polars" else pa.Table.from_pandas
    night = definition.schedule.moment(DAY)
    history = History(definition, tables).at(night)
    rows = rows_to_predict(definition, tables, [DAY]).drop_columns(["_day", "_key"]).to_pandas()
    expected = code.row_features(rows, code.entity_features(history, night))

    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("f", FOLDER / "features.py"))
    module.__spec__.loader.exec_module(module)
    entities = module.entity_features({name: convert(frame) for name, frame in history.items()}, night)
    found = module.row_features(convert(rows), entities).to_pandas()

    order = ["carrier", "origin", "dest", "minute_of_day", "plane_seats", "plane_age", "distance"]
    first, second = (f.sort_values(order, kind="stable").reset_index(drop=True) for f in (expected, found))
    assert list(first.columns) == list(second.columns)
    for name in first.columns:
        if name in ("carrier", "origin", "dest"):
            assert first[name].tolist() == second[name].tolist()
        else:
            np.testing.assert_allclose(first[name].astype(float), second[name].astype(float), rtol=1e-9, err_msg=name)


def test_a_row_alone_has_the_features_it_has_among_all(definition, code, tables):
    night = definition.schedule.moment(DAY)
    entities = code.entity_features(History(definition, tables).at(night), night)
    rows = rows_to_predict(definition, tables, [DAY]).drop_columns(["_day", "_key"]).to_pandas()
    together = code.row_features(rows.copy(), entities)
    for position in (0, 400, len(rows) - 1):
        alone = code.row_features(rows.iloc[[position]].reset_index(drop=True), entities)
        pd.testing.assert_frame_equal(alone, together.iloc[[position]].reset_index(drop=True), check_dtype=False)


def test_every_day_is_built(definition, code, tables):
    days = [FIRST + timedelta(days=number) for number in range(11)]
    assert list(build_days(definition, code, tables, days).days) == days
