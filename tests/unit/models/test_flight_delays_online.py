"""A whole day of flights asked for one way and the other: no value differs."""

from datetime import date, timedelta

import pytest

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.features.days import build_days
from evergreen.features.online import OnlineFeatures
from evergreen.features.rows import rows_to_predict
from published_inputs import as_of, inputs_of

DAY = date(2013, 1, 11)


@pytest.fixture(scope="module")
def night(definition):
    return definition.schedule.moment(DAY)


def batch(definition, code, tables, night):
    """The day's rows that the night serves, of tables as they are handed in."""
    built = build_days(definition, code, tables, [DAY])
    rows = [row for row in built.days[DAY].to_pylist() if night <= row["_prediction_time"] < night + timedelta(days=1)]
    assert len(rows) > 850
    return rows, built.kinds


def differences(wanted, found, kinds):
    def same(first, second):
        return first == second or (first is None and second != second)

    return [
        (name, row["_key"], row[name], value)
        for name in kinds
        for row, value in zip(wanted, found[name], strict=True)
        if not same(row[name], value)
    ]


def test_a_whole_day_without_a_difference(definition, code, tables, night):
    known = as_of(definition, tables, night)
    wanted, kinds = batch(definition, code, known, night)
    online = OnlineFeatures(FeatureLayout.of(definition), code, inputs_of(definition, code, tables, night), kinds)
    schedule = {row["flight_id"]: row for row in tables["schedule"].to_pylist()}
    asked = [schedule[row["_key"]] for row in wanted]
    together = online.compute(online.rows({name: [row[name] for row in asked] for name in online.row_types}))
    assert differences(wanted, together, kinds) == []
    for position in range(0, len(wanted), 40):
        alone = online.compute(online.rows({name: [asked[position][name]] for name in online.row_types}))
        assert differences([wanted[position]], alone, kinds) == []
    assert sum(value != value for value in together["temp"]) < len(wanted), "the night's weather reaches some of them"


def test_with_the_weather_of_the_hour_sent_along_the_day_is_that_of_training(definition, code, tables, night):
    wanted, kinds = batch(definition, code, tables, night)
    online = OnlineFeatures(FeatureLayout.of(definition), code, inputs_of(definition, code, tables, night), kinds)
    joined = {row["flight_id"]: row for row in rows_to_predict(definition, tables, [DAY]).to_pylist()}
    asked = [joined[row["_key"]] for row in wanted]
    names = [*online.row_types, *online.optional_types]
    found = online.compute(online.rows({name: [row[name] for row in asked] for name in names}))
    assert differences(wanted, found, kinds) == []


def test_what_is_published_is_small(definition, code, tables, night):
    inputs = inputs_of(definition, code, tables, night)
    assert inputs.joined["weather"].num_rows < 3 * 40
    assert sum(table.num_rows for table in inputs.entities.values()) < 1000
