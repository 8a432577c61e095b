"""No value may come from a row that could not be read yet."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from evergreen.features.code import FeatureCode
from evergreen.features.days import build_days
from evergreen.features.history import History
from evergreen.features.labels import labels_of

DAYS = 4
# Building days is too slow to shrink a failing example; the examples are small as they are.
phases = (Phase.explicit, Phase.reuse, Phase.generate)
relaxed = settings(max_examples=20, deadline=None, phases=phases, suppress_health_check=[HealthCheck.function_scoped_fixture])
hours = st.integers(0, 24 * DAYS)
shops = st.sampled_from(["a", "b"])
visits = st.lists(st.tuples(shops, hours), min_size=1, max_size=12)
facts = st.lists(st.tuples(shops, hours, st.integers(-40, 60), st.floats(0, 50)), max_size=30)


def make_tables(table, visits, purchases, prices):
    return {
        "visits": table("visits", [{"visit": f"v{n}", "shop": s, "at": h} for n, (s, h) in enumerate(visits)]),
        "purchases": table(
            "purchases",
            [
                {"visit": f"v{n}", "shop": s, "at": h, "known_at": h + wait, "spent": x}
                for n, (s, h, wait, x) in enumerate(purchases)
            ],
        ),
        "prices": table("prices", [{"shop": s, "at": h, "known_at": h + wait, "price": x} for s, h, wait, x in prices]),
        "places": table("places", [{"shop": "a", "size": 3}]),
    }


def all_days(tables):
    return sorted(set(tables["visits"].column("_day").to_pylist()))


def built_frame(definition, code, tables):
    days = build_days(definition, code, tables, all_days(tables)).days
    return pa.concat_tables(days.values()).to_pandas()


def readable(definition, row, moment):
    """The rule in its plainest form: available, and its day has begun."""
    return row["_available_at"] <= moment and row["_day"] <= definition.schedule.day_of(moment)


@relaxed
@given(visits=visits, purchases=facts, prices=facts)
def test_features_are_what_comparing_every_row_gives(definition, code, table, visits, purchases, prices):
    tables = make_tables(table, visits, purchases, prices)
    bought, priced = tables["purchases"].to_pylist(), tables["prices"].to_pylist()
    built = built_frame(definition, code, tables).to_dict("records")
    assert len(built) == len(visits)
    for row in built:
        predicted = row["_prediction_time"].to_pydatetime()
        night = definition.schedule.latest_moment(predicted)
        seen = [
            other["spent"]
            for other in bought
            if other["shop"] == row["shop_name"]
            and readable(definition, other, night)
            and other["at"] >= night - definition.features.history
        ]
        assert np.isnan(row["mean_spent"]) if not seen else row["mean_spent"] == pytest.approx(np.mean(seen))
        near = [other for other in priced if other["shop"] == row["shop_name"] and readable(definition, other, predicted)]
        newest = max(enumerate(near), key=lambda n: (n[1]["at"], n[1]["_available_at"], n[0]), default=(0, None))[1]
        if newest is None or newest["at"] < predicted - timedelta(hours=12):
            assert np.isnan(row["price"])
        else:
            assert row["price"] == newest["price"]


@relaxed
@given(visits=visits, purchases=facts, prices=facts)
def test_nothing_comes_from_a_row_that_became_available_later(definition, code, table, visits, purchases, prices):
    built = built_frame(definition, code, make_tables(table, visits, purchases, prices))
    predicted = built["_prediction_time"].astype("int64")
    nights = [
        pd.Timestamp(definition.schedule.latest_moment(m.to_pydatetime())).value // 1000 for m in built["_prediction_time"]
    ]
    assert not (built["newest_us"] > np.array(nights)).any()
    assert not (built["price_known_us"] > predicted).any()


@relaxed
@given(visits=visits, purchases=facts, prices=facts, cut=hours)
def test_what_became_available_after_the_as_of_changes_no_complete_row(
    definition, code, table, at, visits, purchases, prices, cut
):
    """A run as of `cut` and a run that knows everything agree on every row predicted by then."""
    tables = make_tables(table, visits, purchases, prices)
    as_of = at(cut)
    known = {
        name: rows if name == "places" else rows.filter(pc.less_equal(rows.column("_available_at"), pa.scalar(as_of)))
        for name, rows in tables.items()
    }
    known["visits"] = tables["visits"]
    now, later = built_frame(definition, code, known), built_frame(definition, code, tables)
    predicted = now["_prediction_time"] <= as_of
    pd.testing.assert_frame_equal(now[predicted], later[predicted])


def test_a_column_equal_to_the_label_but_available_later_never_shows(definition, code, table, at):
    visits = [("a", hour) for hour in range(12, 24 * DAYS, 3)]
    spent = [float(hour % 2) * 20 for _, hour in visits]
    after_the_end = [(shop, hour, 1000, x) for (shop, hour), x in zip(visits, spent, strict=True)]
    built = built_frame(definition, code, make_tables(table, visits, after_the_end, after_the_end))
    assert built["mean_spent"].isna().all()
    assert built["price"].isna().all()
    in_time = [(shop, hour, -6, x) for (shop, hour), x in zip(visits, spent, strict=True)]
    assert built_frame(definition, code, make_tables(table, visits, in_time, in_time))["price"].notna().any()


def test_the_files_of_days_to_come_are_in_nobodys_snapshot(definition, code, table, at):
    """Available ahead, but no run reads a day's file before the day begins: training must not know more than the night did."""
    visits = [("a", 24 * 2 + 12)]
    tomorrow, today = 24 * 3 + 6, 24 * 2 + 6  # hours in UTC: early morning in New York
    ahead = [("a", tomorrow, -48, 20.0)]
    built = built_frame(definition, code, make_tables(table, visits, ahead, ahead))
    assert built[["mean_spent", "price"]].isna().all(axis=None)
    same_day = [("a", today, -48, 20.0)]
    built = built_frame(definition, code, make_tables(table, visits, same_day, same_day))
    assert built[["mean_spent", "price"]].notna().all(axis=None)
    assert History(definition, {"purchases": make_tables(table, visits, ahead, [])["purchases"]}).at(at(60))["purchases"].empty


def test_labels_shifted_into_the_future_leave_every_feature_and_every_training_row(definition, code, table, at):
    visits = [("a", hour) for hour in range(12, 24 * DAYS, 3)]
    as_of = at(24 * (DAYS + 1))
    for wait, expected in ((1, True), (24 * 100, False)):
        purchases = [(shop, hour, wait, 20.0) for shop, hour in visits]
        tables = make_tables(table, visits, purchases, [])
        known = tables["purchases"].filter(pc.less_equal(tables["purchases"].column("_available_at"), pa.scalar(as_of)))
        assert built_frame(definition, code, {**tables, "purchases": known})["mean_spent"].notna().any() == expected
        assert built_frame(definition, code, tables)["mean_spent"].notna().any() == expected
        assert (labels_of(definition, known).num_rows == len(visits)) == expected


def test_rows_never_hold_a_column_of_the_label_table(definition, table):
    spy = FeatureCode.from_source(
        "def row_features(rows, entities):\n"
        "    assert 'spent' not in rows.columns, list(rows.columns)\n"
        "    assert list(entities) == []\n"
        "    return rows[['shop']]\n"
    )
    assert len(built_frame(definition, spy, make_tables(table, [("a", 30)], [("a", 2, 1, 30.0)], []))) == 1


def test_a_row_known_too_late_to_be_predicted_is_left_out(definition, code, table, at):
    tables = make_tables(table, [("a", 30), ("a", 31)], [], [])
    late = pa.array([at(30), at(20)], tables["visits"].schema.field("_available_at").type)
    index = tables["visits"].schema.get_field_index("_available_at")
    tables["visits"] = tables["visits"].set_column(index, "_available_at", late)
    assert built_frame(definition, code, tables)["_key"].tolist() == ["v1"]


@relaxed
@given(purchases=facts, cut=hours)
def test_history_is_what_a_run_at_that_moment_would_have_read(definition, table, at, purchases, cut):
    rows = make_tables(table, [("a", 1)], purchases, [])["purchases"]
    night = definition.schedule.latest_moment(at(cut))
    frame = rows.to_pandas()
    expected = frame[
        (frame["_available_at"] <= night)
        & (frame["at"] >= night - definition.features.history)
        & (frame["_day"] <= definition.schedule.day_of(night))
    ].sort_values("at", kind="stable")
    seen = History(definition, {"purchases": rows}).at(night)["purchases"]
    assert seen["visit"].tolist() == expected["visit"].tolist()


def test_user_code_may_change_the_frames_it_is_given(definition, table):
    vandal = FeatureCode.from_source(
        "def entity_features(history, as_of):\n"
        "    seen = len(history['purchases'])\n"
        "    history['purchases']['spent'] = 0.0\n"
        "    shops = history['purchases'].groupby('shop', as_index=False).agg(n=('spent', 'size'))\n"
        "    return {'shops': shops}\n"
        "def row_features(rows, entities):\n"
        "    rows['n'] = rows.merge(entities['shops'], on='shop', how='left')['n'].fillna(0)\n"
        "    entities['shops']['n'] = -1\n"
        "    return rows[['n']]\n"
    )
    tables = make_tables(table, [("a", 30 + n) for n in range(40)], [("a", n, 1, 30.0) for n in range(24)], [])
    built = built_frame(definition, vandal, tables)
    assert (built["n"] >= 0).all()
    assert built["n"].max() > 0
