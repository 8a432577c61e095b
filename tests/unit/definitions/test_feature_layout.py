"""What travels of a definition with a release, and what becomes of it under another definition."""

import json
from datetime import timedelta

import pytest

from evergreen.definitions import ModelDefinition
from evergreen.definitions.data import Data, Table
from evergreen.definitions.feature_layout import FeatureLayout, TableLayout
from evergreen.definitions.features import Features
from evergreen.definitions.schedule import Schedule
from evergreen.definitions.validation import TableValidation
from evergreen.errors import FeatureError

SHOPS = {
    "name": "shops",
    "title": "Will a visit end in a purchase?",
    "owner": "tests",
    "schedule": {"at": "03:00", "timezone": "America/New_York"},
    "data": {
        "rows": "visits",
        "first_day": "2024-03-01",
        "predict_before": "1h",
        "label": {"table": "purchases", "column": "spent", "above": 10},
        "tables": {
            "visits": {
                "files": "visits/{day}.csv",
                "key": ["visit"],
                "event_time": "at",
                "available_after": "-2d",
                "columns": {"visit": "string", "at": "timestamp", "shop": "string"},
            },
            "purchases": {"files": "p/{day}.csv", "key": ["visit"], "event_time": "at", "available_at": "known_at"},
            "prices": {
                "files": "prices/{day}.csv",
                "key": ["shop", "at"],
                "event_time": "at",
                "available_after": "1h",
                "columns": {"shop": "string", "at": "timestamp", "known_at": "timestamp", "price": "number"},
                "join": {"by": ["shop"], "within": "12h", "prefix": "price_"},
            },
            "places": {"files": "places.csv", "key": ["shop"], "join": {"by": ["shop"], "prefix": "place_"}},
        },
    },
    "validation": {"tables": {"prices": {"deduplicate": "keep_last"}}},
    "features": {"history": "3d", "categorical": ["hour"]},
    "gate": {"slices": [{"by": "shop"}]},
}


def a_definition(path="", value=None):
    """The definition, with one field changed or, for None, taken away; `path` as in messages."""
    data = json.loads(json.dumps(SHOPS))
    if path:
        *folders, name = path.split(".")
        section = data
        for folder in folders:
            section = section.setdefault(folder, {})
        section.pop(name, None)
        if value is not None:
            section[name] = value
    return ModelDefinition.model_validate(data)


RELEASED = FeatureLayout.of(a_definition())
CHANGES = [
    ("schedule.at", "04:00"),
    ("schedule.timezone", "UTC"),
    ("data.predict_before", "2h"),
    ("data.tables.prices.key", ["shop"]),
    ("data.tables.prices.event_time", "known_at"),
    ("data.tables.prices.available_after", "2h"),
    ("data.tables.prices.available_at", "known_at"),
    ("data.tables.prices.join.within", "6h"),
    ("data.tables.prices.join.prefix", "newest_"),
    ("data.tables.prices.join", None),
    ("validation.tables.prices.deduplicate", None),
    ("features.history", "2d"),
    ("features.categorical", ["hour", "weekday"]),
]


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_a_change_that_decides_about_features_is_seen_and_taken_back(path, value):
    today = a_definition(path, value)
    assert FeatureLayout.of(today).digest != RELEASED.digest
    restored = RELEASED.restored(today)
    assert FeatureLayout.of(restored).digest == RELEASED.digest
    assert FeatureLayout.of(RELEASED.restored(restored)) == RELEASED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.tables.prices.files", "elsewhere/{day}.parquet"),
        ("data.tables.prices.columns", {"shop": "string", "at": "timestamp", "price": "integer"}),
        ("data.first_day", "2023-01-01"),
        ("data.last_day", "2024-12-31"),
        ("data.label", {"table": "purchases", "column": "spent", "above": 20}),
        ("features.code", "others.py"),
        ("validation.max_quarantine_share", 0.5),
        ("schedule.retries", 0),
        ("gate.slices", [{"by": "hour"}]),
        ("training.seed", 7),
    ],
)
def test_a_change_that_does_not_is_not_seen_and_stays(path, value):
    today = a_definition(path, value)
    assert FeatureLayout.of(today).digest == RELEASED.digest
    restored = RELEASED.restored(today)
    assert restored.data == today.data
    assert restored.model_copy(update={"gate": today.gate}) == today


def test_every_field_has_been_decided_about():
    """A new field either decides about features, and belongs into the layout, or is named here."""
    elsewhere = {
        Table: {"files", "sql", "columns"},
        Data: {"first_day", "last_day", "label"},
        Features: {"code"},
        Schedule: {"training", "scoring", "monitoring", "catch_up", "timeout_minutes", "retries"},
        TableValidation: {"freshness", "row_count", "novelty", "max_null_share", "expectations"},
    }
    inside = set(FeatureLayout.model_fields) | set(TableLayout.model_fields)
    for section, others in elsewhere.items():
        assert set(section.model_fields) - others <= inside, section.__name__


def test_it_survives_canonical_json():
    text = json.dumps(RELEASED.model_dump(mode="json"), sort_keys=True)
    again = FeatureLayout.model_validate(json.loads(text))
    assert again == RELEASED
    assert again.digest == RELEASED.digest


def test_tables_come_back_in_todays_order():
    again = FeatureLayout.model_validate(json.loads(json.dumps(RELEASED.model_dump(mode="json"), sort_keys=True)))
    assert list(again.restored(a_definition()).data.tables) == list(SHOPS["data"]["tables"])


def test_slices_are_left_out():
    assert RELEASED.restored(a_definition()).gate.slices == ()


def test_the_folder_stays(tmp_path):
    today = a_definition()
    today._folder = tmp_path
    assert RELEASED.restored(today).folder == tmp_path


class TestDeduplication:
    @pytest.mark.parametrize("today", ["none", "exact"])
    def test_a_more_lenient_release_is_put_back(self, today):
        restored = RELEASED.restored(a_definition("validation.tables.prices.deduplicate", today))
        assert restored.validation.tables["prices"].deduplicate == "keep_last"

    @pytest.mark.parametrize("released", ["none", "exact"])
    def test_todays_stays_where_it_is_more_lenient(self, released):
        """What it drops would have failed the run when the champion was trained; putting it back would repeat keys."""
        layout = FeatureLayout.of(a_definition("validation.tables.prices.deduplicate", released))
        assert layout.restored(a_definition()).validation.tables["prices"].deduplicate == "keep_last"

    def test_of_a_table_without_rules_today(self):
        restored = RELEASED.restored(a_definition("validation", {"tables": {}}))
        assert restored.validation.tables == {"prices": TableValidation(deduplicate="keep_last")}


class TestTodaysTablesDoNotFit:
    @pytest.mark.parametrize(
        ("path", "value", "found"),
        [
            ("data.tables.places", None, "table 'places' is gone"),
            ("data.tables.places", {"files": "p/{day}.csv", "key": ["shop"], "event_time": "at"}, "was a reference table"),
            ("data.tables.prices", {"files": "prices.csv", "key": ["shop"]}, "was a table with days and is a reference table"),
            (
                "data.tables.prices",
                {
                    "files": "prices/{day}.csv",
                    "key": ["shop"],
                    "event_time": "known_at",
                    "columns": {"shop": "string", "known_at": "timestamp"},
                },
                "column prices.at is gone",
            ),
        ],
    )
    def test_and_that_is_said(self, path, value, found):
        with pytest.raises(FeatureError, match="cannot be built from today's tables") as caught:
            RELEASED.restored(a_definition(path, value))
        assert found in caught.value.found
        assert caught.value.remedy

    @pytest.mark.parametrize(
        ("table", "columns", "gone"),
        [
            ("visits", ["visit", "at"], "visits.shop"),
            ("prices", ["shop", "price"], "prices.at"),
            ("purchases", ["visit", "at", "spent"], "purchases.known_at"),
        ],
    )
    def test_a_column_that_the_rows_themselves_lack(self, table, columns, gone):
        with pytest.raises(FeatureError, match=f"column {gone} is gone"):
            RELEASED.restored(a_definition(), {table: columns})

    def test_columns_that_only_features_py_reads_are_its_own_affair(self):
        assert RELEASED.restored(a_definition(), {"prices": ["shop", "at"]}).data.rows == "visits"

    def test_a_longer_history_is_no_clash(self):
        layout = RELEASED.model_copy(update={"history": timedelta(days=300)})
        assert layout.restored(a_definition()).features.history == timedelta(days=300)
