"""A small model: will a visit to a shop end in a purchase, said an hour before it?"""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from evergreen.definitions import ModelDefinition
from evergreen.features.code import FeatureCode

DEFINITION = {
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
            "visits": {"files": "visits/{day}.csv", "key": ["visit"], "event_time": "at", "available_after": "-2d"},
            "purchases": {"files": "p/{day}.csv", "key": ["visit"], "event_time": "at", "available_at": "known_at"},
            "prices": {
                "files": "prices/{day}.csv",
                "key": ["shop", "at"],
                "event_time": "at",
                "available_at": "known_at",
                "join": {"by": ["shop"], "within": "12h", "prefix": "price_"},
            },
            "places": {"files": "places.csv", "key": ["shop"], "join": {"by": ["shop"], "prefix": "place_"}},
        },
    },
    "features": {"history": "3d"},
    "gate": {"slices": [{"by": "shop"}]},
}
SOURCE = """
import pandas as pd

def entity_features(history, as_of):
    purchases = history["purchases"]
    return {"shops": purchases.groupby("shop", as_index=False).agg(
        purchases=("spent", "size"), spent=("spent", "mean"), newest=("known_at", "max"))}

def row_features(rows, entities):
    joined = rows.merge(entities["shops"], on="shop", how="left")
    return pd.DataFrame({
        "shop_name": joined["shop"],
        "price": joined["price_price"],
        "size": joined["place_size"],
        "mean_spent": joined["spent"],
        "newest_us": joined["newest"].astype("int64").where(joined["newest"].notna()),
        "price_known_us": joined["price_known_at"].astype("int64").where(joined["price_known_at"].notna()),
    })
"""
MOMENT = pa.timestamp("us", "UTC")


@pytest.fixture
def definition():
    return ModelDefinition.model_validate(DEFINITION)


@pytest.fixture
def code():
    return FeatureCode.from_source(SOURCE)


@pytest.fixture
def at():
    """Moment in hours after midnight UTC of 1 March 2024."""
    return lambda hours: datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hours)


@pytest.fixture
def table(definition):
    """Make rows as `tables.rows` reads them; `at` and `known_at` are hours, unreadable rows are left out at `as_of`."""

    def make(name, rows, as_of=None):
        declared = definition.data.tables[name]
        start = datetime(2024, 3, 1, tzinfo=UTC)
        columns = {key: [row[key] for row in rows] for key in (rows[0] if rows else _COLUMNS[name])}
        for key in {"at", "known_at"} & set(columns):
            columns[key] = pa.array([start + timedelta(hours=hours) for hours in columns[key]], MOMENT)
        made = pa.table({key: pa.array(values, _COLUMNS[name].get(key)) for key, values in columns.items()})
        if declared.is_reference:
            nothing = pa.nulls(len(rows), MOMENT)
            day = pa.array([date(1970, 1, 1)] * len(rows), pa.date32())
            return made.append_column("_day", day).append_column("_event_time", nothing).append_column("_available_at", nothing)
        events = made.column("at").to_pylist()
        available = (
            made.column(declared.available_at).to_pylist()
            if declared.available_at
            else [event + declared.available_after for event in events]
        )
        made = made.append_column("_day", pa.array([definition.schedule.day_of(event) for event in events], pa.date32()))
        made = made.append_column("_event_time", made.column("at")).append_column("_available_at", pa.array(available, MOMENT))
        return made if as_of is None else made.filter(pa.array([moment <= as_of for moment in available]))

    return make


_COLUMNS = {
    "visits": {"visit": pa.string(), "shop": pa.string(), "at": MOMENT},
    "purchases": {"visit": pa.string(), "shop": pa.string(), "at": MOMENT, "known_at": MOMENT, "spent": pa.float64()},
    "prices": {"shop": pa.string(), "at": MOMENT, "known_at": MOMENT, "price": pa.float64()},
    "places": {"shop": pa.string(), "size": pa.int64()},
}
