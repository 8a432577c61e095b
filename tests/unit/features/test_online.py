"""A request has the features that a batch gives the same row at the same night."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.errors import FeatureError, RequestError
from evergreen.features.code import FeatureCode
from evergreen.features.days import build_days
from evergreen.features.online import NOT_SENT, OnlineFeatures, RequestRows
from evergreen.features.rows import rows_to_predict
from published_inputs import as_of, inputs_of

NIGHT = datetime(2024, 3, 3, 8, tzinfo=UTC)  # 03:00 in New York
MANY_KINDS = """
import narwhals as nw

def entity_features(history, as_of):
    prices = nw.from_native(history["prices"])
    return {"shops": prices.group_by("shop").agg(nw.col("price").max().alias("dearest"), nw.len().alias("prices"))}

def row_features(rows, entities):
    joined = nw.from_native(rows).join(nw.from_native(entities["shops"]), on="shop", how="left")
    return joined.select(
        (nw.col("price_price") / nw.col("place_size")).alias("each"),
        (nw.col("price_price") > nw.col("dearest")).alias("is_dear"),
        "prices",
        nw.col("place_size").alias("size"),
        nw.col("shop").str.to_uppercase().alias("shop_name"),
        ((nw.col("_event_time") - nw.col("_prediction_time")).dt.total_minutes()).alias("ahead"),
        nw.col("_event_time").dt.hour().alias("hour"),
    )
"""
FREE = """
import numpy as np
import pandas as pd

def row_features(rows, entities):
    age = (rows["at"] - rows["price_known_at"]).dt.total_seconds()
    return pd.DataFrame({
        "age": age,
        "log": np.log(age.where(age > 0)),
        "band": pd.cut(rows["price_price"].astype(float), [-np.inf, 0, 5, np.inf], labels=["low", "middle", "high"]),
        "odd": rows["place_size"] % 2 == 1,
        "day": rows["at"].dt.tz_convert("America/New_York").dt.day_name(),
    })
"""
hours = st.integers(0, 24 * 4 - 1)
shops = st.sampled_from(["a", "b", "ü|", "nowhere", None])
visits = st.lists(st.tuples(hours, shops), min_size=1, max_size=20)
prices = st.lists(st.tuples(shops, hours, st.integers(-3, 30), st.none() | st.floats(-5, 20)), max_size=25)


def tables_of(table, visits, prices, places=(("a", 3), ("b", 0), ("b", 5), (None, 7))):
    visited = [{"visit": f"v|{n}", "shop": shop, "at": hour} for n, (hour, shop) in enumerate(visits)]
    bought = [{**visit, "known_at": visit["at"] + n % 40, "spent": n / 3} for n, visit in enumerate(visited)]
    return {
        "visits": table("visits", visited),
        "purchases": table("purchases", bought),
        "prices": table(
            "prices", [dict(zip(("shop", "at", "known_at", "price"), (s, a, a + d, p), strict=True)) for s, a, d, p in prices]
        ),
        "places": table("places", [{"shop": shop, "size": size} for shop, size in places]),
    }


def online_of(definition, code, tables, kinds, night=NIGHT):
    return OnlineFeatures(FeatureLayout.of(definition), code, inputs_of(definition, code, tables, night), kinds)


def batch_of(definition, code, tables, night=NIGHT):
    """Rows that a night serves, with the features a run of that night gives them; the schedule of visits is known ahead."""
    known = {**as_of(definition, tables, night), "visits": tables["visits"]}
    days = sorted(set(tables["visits"].column("_day").to_pylist()))
    built = build_days(definition, code, known, days)
    rows = [row for day in built.days.values() for row in day.to_pylist()]
    return [row for row in rows if night <= row["_prediction_time"] < night + timedelta(days=1)], built.kinds


def ask(online, tables, keys):
    of = {row["visit"]: row for row in tables["visits"].select(["visit", "shop", "at"]).to_pylist()}
    return online.rows({name: [of[key][name] for key in keys] for name in ("visit", "shop", "at")})


def same(first, second):
    return first == second or (first is None and isinstance(second, float) and math.isnan(second))


def differences(wanted, found, kinds):
    return [
        (name, row["_key"], row[name], value)
        for name in kinds
        for row, value in zip(wanted, found[name], strict=True)
        if not same(row[name], value)
    ]


@pytest.mark.parametrize("source", ["shops", MANY_KINDS, FREE], ids=["shops", "many kinds", "free pandas"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=visits, prices=prices)
def test_a_request_has_the_features_of_the_night(definition, code, table, source, visits, prices):
    model = code if source == "shops" else FeatureCode.from_source(source)
    changes = {"features": definition.features.model_copy(update={"categorical": ("hour", "ahead")})}
    shaped = definition.model_copy(update=changes) if source == MANY_KINDS else definition
    tables = tables_of(table, visits, prices)
    wanted, kinds = batch_of(shaped, model, tables)
    if not wanted:
        return
    online = online_of(shaped, model, tables, kinds)
    keys = [row["_key"] for row in wanted]
    rows = ask(online, tables, keys)
    assert rows.keys == keys
    assert differences(wanted, online.compute(rows), kinds) == []
    for row in wanted[:3]:
        assert differences([row], online.compute(ask(online, tables, [row["_key"]])), kinds) == []
    parts = [ask(online, tables, [key]) for key in keys]
    assert RequestRows.together(parts) == rows


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=visits, prices=prices, ahead=st.integers(-24, 48))
def test_the_join_finds_what_the_join_on_the_whole_tables_finds(definition, code, table, visits, prices, ahead):
    """Also for moments up to a day before the night, and up to two days after it."""
    tables = tables_of(table, visits, prices)
    known = {**as_of(definition, tables, NIGHT), "visits": tables["visits"]}
    days = set(tables["visits"].column("_day").to_pylist())
    joined = rows_to_predict(definition, known, days).to_pylist()
    online = online_of(definition, code, tables, {})
    wanted = [row for row in joined if row["_prediction_time"] >= NIGHT - timedelta(days=1)]
    found = ask(online, tables, [row["visit"] for row in wanted]) if wanted else None
    for position, row in enumerate(wanted):
        plain = {name: found.columns[name][position] for name in online.optional_types}
        assert plain == {name: _plain(row[name]) for name in online.optional_types}, row


def _plain(value):
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return float(value) if isinstance(value, int) else value


@pytest.fixture
def tables(table):
    return tables_of(
        table, [(56, "a"), (57, "b"), (60, "a"), (61, "nowhere")], [("a", 50, 1, 2.5), ("a", 52, 30, 9.0), ("b", 51, 0, 4.0)]
    )


@pytest.fixture
def online(definition, code, tables):
    return online_of(definition, code, tables, batch_of(definition, code, tables)[1])


def at(hour):
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hour)


def test_it_says_what_a_row_is(online):
    assert dict(online.row_types) == {"visit": "string", "shop": "string", "at": "timestamp"}
    assert (online.key_fields, online.event_time_field, online.as_of) == (("visit",), "at", NIGHT)
    assert dict(online.optional_types) == {
        "price_at": "timestamp",
        "price_known_at": "timestamp",
        "price_price": "number",
        "place_size": "integer",
    }
    assert list(online.visible_types) == [*online.row_types, *online.optional_types, "_event_time", "_prediction_time"]
    assert online.visible_types["place_size"] == "number", "only what names things stays whole, as in training"


def test_what_is_sent_wins_and_the_rest_of_its_table_is_missing(online):
    sent = {"visit": ["x", "y"], "shop": ["a", "a"], "at": [at(58), at(58)], "price_price": [7.0, NOT_SENT]}
    rows = online.rows(sent)
    assert rows.columns["price_price"] == [7.0, 2.5]
    assert rows.columns["price_known_at"][0] is None
    assert rows.columns["price_known_at"][1] is not None
    assert rows.columns["place_size"] == [3.0, 3.0], "another table's rows are still those published"
    assert online.compute(rows)["price"] == [7.0, 2.5]


def test_null_that_is_sent_is_sent(online):
    rows = online.rows({"visit": ["x"], "shop": ["a"], "at": [at(58)], "price_price": [None]})
    assert rows.columns["price_price"] == [None]


def test_rows_that_send_what_training_found_have_the_features_of_training(definition, code, table):
    """The batch reads what came during the day; a caller that knows it as well gets the same features."""
    tables = tables_of(
        table, [(58, "a"), (70, "b")], [("a", 50, 1, 2.5), ("a", 54, 2, 9.0), ("b", 51, 0, 4.0), ("b", 68, 0, 5.5)]
    )
    late = build_days(definition, code, tables, sorted(set(tables["visits"].column("_day").to_pylist())))
    wanted = [row for day in late.days.values() for row in day.to_pylist()]
    online = online_of(definition, code, tables, late.kinds)
    assert differences(wanted, online.compute(ask(online, tables, [row["_key"] for row in wanted])), late.kinds)
    joined = rows_to_predict(definition, tables, tables["visits"].column("_day").to_pylist()).to_pylist()
    names = [*online.row_types, *online.optional_types]
    found = online.compute(online.rows({name: [row[name] for row in joined] for name in names}))
    assert differences(wanted, found, late.kinds) == []


def test_a_field_may_be_left_out_but_for_key_and_event_time(online):
    rows = online.rows({"visit": ["x"], "at": [at(58)]})
    assert rows.columns["shop"] == [None]
    assert online.compute(rows)["shop_name"] == [None]
    for name in ("visit", "at"):
        sent = {"visit": ["x", "y"], "shop": ["a", "a"], "at": [at(58), at(58)]}
        with pytest.raises(RequestError, match=f"row 1: field '{name}' is missing"):
            online.rows({**sent, name: [sent[name][0], None]})


def test_unknown_fields_and_unequal_columns_are_refused(online):
    with pytest.raises(RequestError, match="fields that no row has") as caught:
        online.rows({"visit": ["x"], "at": [at(58)], "shopp": ["a"]})
    assert "'shopp'" in caught.value.found
    with pytest.raises(RequestError, match="equal length"):
        online.rows({"visit": ["x", "y"], "at": [at(58)]})


def test_a_released_feature_that_does_not_come_out_is_an_error(definition, code, tables):
    online = online_of(definition, code, tables, {"temperature": "double"})
    with pytest.raises(FeatureError, match="every feature of the bundle"):
        online.compute(ask(online, tables, ["v|0"]))
    wrong = online_of(definition, code, tables, {"shop_name": "double"})
    with pytest.raises(FeatureError, match="is text here and was a number in training"):
        wrong.compute(ask(wrong, tables, ["v|0"]))


def test_inputs_of_another_layout_are_refused(definition, code, tables):
    inputs = inputs_of(definition, code, tables, NIGHT)
    layout = FeatureLayout.of(definition)
    other = layout.model_copy(
        update={"tables": {**layout.tables, "prices": layout.tables["prices"].model_copy(update={"join": None})}}
    )
    with pytest.raises(FeatureError, match="not those of the release"):
        OnlineFeatures(other, code, inputs, {})


def test_user_code_cannot_change_what_the_next_request_sees(definition, tables):
    source = """
import pandas as pd
def entity_features(history, as_of):
    return {"n": pd.DataFrame({"shop": ["a", "b"], "count": [1.0, 2.0]})}
def row_features(rows, entities):
    entities["n"]["count"] += 1
    return rows.merge(entities["n"], on="shop", how="left")[["count"]]
"""
    code = FeatureCode.from_source(source)
    online = online_of(definition, code, tables, {"count": "double"})
    rows = ask(online, tables, ["v|0"])
    assert online.compute(rows) == online.compute(rows) == {"count": [2.0]}
