import logging
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.definitions.schedule import Schedule
from evergreen.errors import FeatureError
from evergreen.features.code import FeatureCode
from evergreen.features.days import build_days, nightly_moments

DAYS = [date(2024, 3, 1), date(2024, 3, 2), date(2024, 3, 3)]
ROWS = "def row_features(rows, entities):\n    "


@pytest.fixture
def tables(table):
    visits = [{"visit": f"v{hour}", "shop": "ab"[hour % 2], "at": hour} for hour in range(6, 77)]
    purchases = [{**visit, "known_at": visit["at"] + 2, "spent": float(visit["at"])} for visit in visits]
    prices = [{"shop": "a", "at": hour, "known_at": hour, "price": float(hour)} for hour in range(0, 70, 5)]
    return {
        "visits": table("visits", visits),
        "purchases": table("purchases", purchases),
        "prices": table("prices", prices),
        "places": table("places", [{"shop": "a", "size": 3}, {"shop": "b", "size": 5}]),
    }


def build(definition, tables, source, days=DAYS):
    return build_days(definition, FeatureCode.from_source(source), tables, days)


def test_a_day_comes_out_the_same_alone_and_among_others(definition, code, tables):
    together = build_days(definition, code, tables, DAYS)
    for day in DAYS:
        assert build_days(definition, code, tables, [day], known_kinds=together.kinds).days[day].equals(together.days[day])


def test_columns_and_kinds(definition, code, tables):
    built = build_days(definition, code, tables, DAYS)
    features = ["shop_name", "price", "size", "mean_spent", "newest_us", "price_known_us"]
    assert built.days[DAYS[0]].column_names == ["_key", "_event_time", "_prediction_time", *features, "_slice_shop"]
    assert built.kinds == {"shop_name": "string", **dict.fromkeys(features[1:], "double")}


@pytest.mark.parametrize(
    "expression",
    [
        "return rows.assign(n=rows.groupby('shop')['visit'].transform('size'))[['n']]",
        "return (rows[['place_size']] - rows[['place_size']].mean())",
        "import random; return rows.assign(n=[random.random() for _ in rows['visit']])[['n']]",
        "return rows.assign(n=rows['_event_time'].rank())[['n']]",
        "return rows.sort_values('shop', kind='stable').assign(n=lambda r: r['at'].dt.hour)[['n']].reset_index(drop=True)",
    ],
)
def test_a_feature_that_depends_on_the_other_rows_is_refused(definition, tables, expression):
    with pytest.raises(FeatureError, match="depends on the other rows"):
        build(definition, tables, ROWS + expression + "\n")


def test_columns_that_come_and_go_are_refused(definition, tables):
    source = ROWS + "early = rows['at'].dt.day.min() < 2; return rows.assign(n=1, m=2)[['n'] if early else ['m']]\n"
    with pytest.raises(FeatureError, match="does not always return the same features"):
        build(definition, tables, source)


def test_the_key_under_another_name_is_refused(definition, tables):
    with pytest.raises(FeatureError, match="feature 'id' is the key"):
        build(definition, tables, ROWS + "return rows.rename(columns={'visit': 'id'})[['id']]\n")


def test_a_slice_that_is_not_there_is_refused(definition, tables):
    slices = [definition.gate.slices[0].model_copy(update={"by": "shopp"})]
    wrong = definition.model_copy(update={"gate": definition.gate.model_copy(update={"slices": tuple(slices)})})
    with pytest.raises(FeatureError, match=r"`gate\.slices` names column 'shopp'"):
        build(wrong, tables, ROWS + "return rows[['place_size']]\n")


def test_a_feature_without_any_value_is_warned_about(definition, tables, caplog):
    with caplog.at_level(logging.WARNING):
        built = build(definition, tables, ROWS + "return rows.assign(n=None)[['n', 'place_size']]\n")
    assert "feature n has no value in any row" in caplog.text
    assert "place_size" not in caplog.text
    assert built.kinds["n"] == "double"


def test_rows_never_available_in_time_are_a_clear_error(definition, tables):
    late = definition.data.tables["visits"].model_copy(update={"available_after": timedelta(0)})
    assert late.available_after == timedelta(0)
    shifted = tables["visits"].set_column(
        tables["visits"].schema.get_field_index("_available_at"), "_available_at", tables["visits"].column("_event_time")
    )
    with pytest.raises(FeatureError, match="no row of table 'visits' is available when it is to be predicted"):
        build(definition, {**tables, "visits": shifted}, ROWS + "return rows[['place_size']]\n")


def test_joined_names_must_not_clash(definition, tables):
    price = definition.data.tables["prices"]
    bare = price.model_copy(update={"join": price.join.model_copy(update={"prefix": ""})})
    data = definition.data.model_copy(update={"tables": {**definition.data.tables, "prices": bare}})
    with pytest.raises(FeatureError, match="two columns the same name") as caught:
        build(definition.model_copy(update={"data": data}), tables, ROWS + "return rows[['place_size']]\n")
    assert caught.value.found == "at"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 60 * 24 * 20), min_size=1, max_size=5),
    start=st.sampled_from([datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 10, 28, tzinfo=UTC)]),
    clock=st.sampled_from(["00:00", "02:30", "03:00", "23:45"]),
)
def test_nightly_moments_are_those_of_the_schedule(minutes, start, clock):
    """Also in the nights when the clocks change."""
    import pyarrow as pa

    schedule = Schedule(at=clock, timezone="America/New_York")
    times = [start + timedelta(minutes=n) for n in minutes]
    moments = nightly_moments(schedule, pa.table({"_prediction_time": pa.array(times, pa.timestamp("us", "UTC"))}))
    for time in times:
        assert max(moment for moment in moments if moment <= time) == schedule.latest_moment(time)


def test_free_pandas_code_works(definition, tables):
    source = """
import numpy as np
import pandas as pd

def entity_features(history, as_of):
    recent = history["purchases"]
    recent = recent[recent["at"] >= as_of - pd.Timedelta(days=1)]
    last = recent.sort_values("at").groupby("shop")["spent"].agg(["mean", "last"]).reset_index()
    return {"recent": last}

def row_features(rows, entities):
    features = rows.merge(entities["recent"], on="shop", how="left")
    local = features["at"].dt.tz_convert("America/New_York")
    features["hour_sin"] = np.sin(2 * np.pi * local.dt.hour / 24)
    features["is_weekend"] = local.dt.dayofweek >= 5
    features["band"] = pd.cut(features["place_size"], [0, 4, 9], labels=["small", "large"])
    features["ratio"] = features["mean"] / features["last"]
    return features[["hour_sin", "is_weekend", "band", "ratio"]]
"""
    built = build(definition, tables, source)
    assert built.kinds == {"hour_sin": "double", "is_weekend": "double", "band": "string", "ratio": "double"}
    last = built.days[DAYS[2]].to_pandas()
    assert set(last["band"]) == {"small", "large"}
    assert last["ratio"].notna().all()
