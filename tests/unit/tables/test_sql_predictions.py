"""A day's answers in a database."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from evergreen.definitions.scoring import SqlTarget
from evergreen.errors import DataError, SettingsError, StoreUnavailableError
from evergreen.tables.sql_predictions import write_predictions

DAY = date(2013, 4, 1)
NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


def answers(*probabilities: float, version: str = "1") -> pa.Table:
    n = len(probabilities)
    moments = pa.array([NOON + timedelta(minutes=place) for place in range(n)], pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "_key": [f"flight-{place}" for place in range(n)],
            "_event_time": moments,
            "probability": list(probabilities),
            "decision": [value >= 0.4 for value in probabilities],
            "release_version": [version] * n,
            "bundle_digest": ["b" * 32] * n,
            "as_of": pa.array([NOON] * n, pa.timestamp("us", "UTC")),
            "_scoring": [1] * n,
        }
    )


def target(tmp_path, table: str = "answers") -> SqlTarget:
    return SqlTarget(table=table, url=f"sqlite:///{tmp_path}/warehouse.db")


def stored(tmp_path, table: str = "answers") -> list[tuple]:
    with sqlite3.connect(tmp_path / "warehouse.db") as connection:
        query = f"SELECT model, day, key, probability, decision, release_version FROM {table} ORDER BY model, day, key"
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def test_the_table_is_made_and_holds_what_was_said(tmp_path):
    where = write_predictions(target(tmp_path), "flights", DAY, answers(0.25, 0.5), None)
    assert stored(tmp_path) == [
        ("flights", "2013-04-01", "flight-0", 0.25, 0, "1"),
        ("flights", "2013-04-01", "flight-1", 0.5, 1, "1"),
    ]
    assert where == f"sqlite:///{tmp_path}/warehouse.db, table answers"


def test_a_day_written_again_takes_the_place_of_what_was_there(tmp_path):
    write_predictions(target(tmp_path), "flights", DAY, answers(0.25, 0.5, 0.75), None)
    write_predictions(target(tmp_path), "flights", DAY, answers(0.1, version="2"), None)
    assert stored(tmp_path) == [("flights", "2013-04-01", "flight-0", 0.1, 0, "2")]


def test_other_days_and_models_are_left_alone(tmp_path):
    write_predictions(target(tmp_path), "flights", DAY, answers(0.25), None)
    write_predictions(target(tmp_path), "flights", DAY + timedelta(days=1), answers(0.5), None)
    write_predictions(target(tmp_path), "trains", DAY, answers(0.75), None)
    assert [(model, day) for model, day, *_ in stored(tmp_path)] == [
        ("flights", "2013-04-01"),
        ("flights", "2013-04-02"),
        ("trains", "2013-04-01"),
    ]


def test_what_fails_half_way_leaves_the_day_as_it_was(tmp_path):
    write_predictions(target(tmp_path), "flights", DAY, answers(0.25), None)
    twice = pa.concat_tables([answers(0.5), answers(0.6)])
    with pytest.raises(DataError, match="refuses the predictions"):
        write_predictions(target(tmp_path), "flights", DAY, twice, None)
    assert [row[3] for row in stored(tmp_path)] == [0.25]


def test_a_table_of_that_name_with_other_columns_is_named(tmp_path):
    with sqlite3.connect(tmp_path / "warehouse.db") as connection:
        connection.execute("CREATE TABLE answers (model TEXT, day TEXT, key TEXT, score REAL)")
    connection.close()
    with pytest.raises(DataError) as caught:
        write_predictions(target(tmp_path), "flights", DAY, answers(0.25), None)
    assert "event_time" in caught.value.found
    assert "answers" in caught.value.found


def test_a_database_that_is_not_there_may_be_there_later(tmp_path):
    nowhere = SqlTarget(table="answers", url=f"sqlite:///{tmp_path}/none/warehouse.db")
    with pytest.raises(StoreUnavailableError):
        write_predictions(nowhere, "flights", DAY, answers(0.25), None)


def test_an_airflow_connection_is_looked_up(tmp_path):
    by_name = SqlTarget(table="answers", connection="warehouse")
    with pytest.raises(SettingsError, match="cannot be looked up here"):
        write_predictions(by_name, "flights", DAY, answers(0.25), None)
    write_predictions(by_name, "flights", DAY, answers(0.25), lambda name: f"sqlite:///{tmp_path}/{name}.db")
    assert len(stored(tmp_path)) == 1
