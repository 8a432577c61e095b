"""A query in place of files."""

import sqlite3
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlalchemy.exc import OperationalError

from evergreen.definitions.data import SqlSource
from evergreen.definitions.schedule import Schedule
from evergreen.errors import LandingError, SettingsError, StoreUnavailableError
from evergreen.tables.day_table import REFERENCE_DAY
from evergreen.tables.sql import query_days

SCHEDULE = Schedule(timezone="America/New_York")
DAY = date(2013, 1, 2)
CONTRACT = {"id": "string", "at": "timestamp", "x": "number", "ok": "boolean"}
QUERY = "SELECT id, at, x, ok, 1 AS extra FROM trips WHERE at >= :start AND at < :end"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "source.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trips (id TEXT, at TEXT, x REAL, ok INTEGER)")
        connection.execute("CREATE TABLE cars (car TEXT, seats INTEGER)")
        connection.executemany("INSERT INTO cars VALUES (?, ?)", [("b", 2), ("a", None)])
        midnight, hour = datetime(2013, 1, 2, 5), timedelta(hours=1)  # in New York
        moments = [midnight - timedelta(microseconds=1), midnight + hour, midnight, midnight + 24 * hour]
        for number, (name, moment) in enumerate(zip(["late", "b", "a", "next"], moments, strict=True)):
            row = (name, moment.strftime("%Y-%m-%d %H:%M:%S.%f"), number / 2, number % 2)
            connection.execute("INSERT INTO trips VALUES (?, ?, ?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


def ask(source: SqlSource, days=(DAY,), contract=CONTRACT, key=("id",), resolve=None):
    moments = ("at",) if ":start" in source.query else ()
    return query_days(source, days, contract, key=key, moments=moments, schedule=SCHEDULE, resolve_connection=resolve)


def test_a_day_is_asked_for_by_its_local_midnights_and_comes_in_key_order(database):
    found = ask(SqlSource(url=database, query=QUERY))[DAY]
    assert found.column_names == ["id", "at", "x", "ok"]
    assert found.to_pylist() == [
        {"id": "a", "at": datetime(2013, 1, 2, 5, tzinfo=UTC), "x": 1.0, "ok": False},
        {"id": "b", "at": datetime(2013, 1, 2, 6, tzinfo=UTC), "x": 0.5, "ok": True},
    ]


def test_the_order_the_database_answers_in_does_not_matter(database):
    up, down = (ask(SqlSource(url=database, query=f"{QUERY} ORDER BY id {order}"))[DAY] for order in ("ASC", "DESC"))
    assert up.equals(down)


def test_a_day_without_rows_has_the_contract_all_the_same(database):
    found = ask(SqlSource(url=database, query=QUERY), days=[date(2012, 1, 1)])
    assert found[date(2012, 1, 1)].num_rows == 0
    assert found[date(2012, 1, 1)].column_names == list(CONTRACT)


def test_a_day_of_a_clock_change_has_23_hours(database):
    seen = {}
    source = SqlSource(url=database, query="SELECT :start AS id, :end AS at WHERE :start < :end")
    found = ask(source, days=[date(2013, 3, 10)], contract={"id": "string", "at": "string"})
    seen = found[date(2013, 3, 10)].to_pylist()[0]
    assert (seen["id"][:16], seen["at"][:16]) == ("2013-03-10 05:00", "2013-03-11 04:00")


def test_a_reference_table_is_asked_for_once_without_bounds(database):
    source = SqlSource(url=database, query="SELECT car, seats FROM cars")
    found = ask(source, days=[REFERENCE_DAY], contract={}, key=("car",))[REFERENCE_DAY]
    assert found.to_pylist() == [{"car": "a", "seats": None}, {"car": "b", "seats": 2}]


def test_without_a_contract_types_come_from_all_days(database):
    found = ask(SqlSource(url=database, query=QUERY), contract={})[DAY]
    assert found.schema.field("at").type == pa.timestamp("us", "UTC")
    assert found.schema.field("ok").type == pa.int64()


def test_no_days_ask_nothing():
    assert ask(SqlSource(url="nonsense://", query=QUERY), days=[]) == {}


def test_a_connection_is_resolved_by_the_caller(database):
    asked = []
    source = SqlSource(connection="warehouse", query=QUERY)
    assert ask(source, resolve=lambda name: (asked.append(name), database)[1])[DAY].num_rows == 2
    assert asked == ["warehouse"]


def test_a_connection_without_a_resolver_is_refused():
    with pytest.raises(SettingsError, match="'warehouse'"):
        ask(SqlSource(connection="warehouse", query=QUERY))


@pytest.mark.parametrize("url", ["nonsense://host/db", "not a url", ""])
def test_an_address_that_is_none_is_refused_without_telling_secrets(url):
    with pytest.raises(SettingsError) as caught:
        ask(SqlSource(connection="warehouse", query=QUERY), resolve=lambda name: url.replace("host", "me:secret@host"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT 1 WHERE 1 > :start", "SELECT 1::start, 2::end"])
def test_a_query_of_days_must_be_bounded(database, query):
    with pytest.raises(LandingError, match=":end"):
        ask(SqlSource(url=database, query=query))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT id FROM nowhere WHERE at >= :start AND at < :end", "no such table"),
        ("SELEKT :start :end", "syntax"),
        (QUERY.replace("x,", ""), "'x' is missing"),
        (QUERY.replace("x,", "x, x,"), "twice"),
        (QUERY.replace("x,", "id AS x,"), "'x' does not hold"),
    ],
)
def test_a_query_that_cannot_work_is_told_and_not_retried(database, query, says):
    with pytest.raises(LandingError) as caught:
        ask(SqlSource(url=database, query=query))
    assert says in str(caught.value)


def test_a_column_of_mixed_types_is_refused(database, tmp_path):
    with sqlite3.connect(tmp_path / "source.db") as connection:
        connection.execute("UPDATE trips SET x = 'many' WHERE id = 'a'")
    connection.close()
    with pytest.raises(LandingError, match="different types"):
        ask(SqlSource(url=database, query=QUERY))


def test_a_database_that_does_not_answer_may_be_asked_again(tmp_path):
    with pytest.raises(StoreUnavailableError) as caught:
        ask(SqlSource(url=f"sqlite:///{tmp_path}/none/source.db", query=QUERY))
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, OperationalError)


def test_decimals_are_numbers(database, monkeypatch):
    from evergreen.tables import sql

    monkeypatch.setattr(sql, "_ask", lambda *arguments: pa.table({"x": pa.array([Decimal("1.25"), None])}))
    found = ask(SqlSource(url=database, query=QUERY), contract={"x": "number"}, key=("x",))[DAY]
    assert found.to_pylist() == [{"x": 1.25}, {"x": None}]
