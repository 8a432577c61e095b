"""A day's answers stand in a table of either database, and a day written by two at once stands there once."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from evergreen.definitions.scoring import SqlTarget
from evergreen.errors import DataError
from evergreen.tables.sql_predictions import write_predictions

DAY = date(2013, 4, 1)
NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
ROWS = 500


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path) -> SqlTarget:
    """A table of its own in a database without a password."""
    table = f"answers_{os.urandom(4).hex()}"
    if request.param == "sqlite":
        return SqlTarget(table=table, url=f"sqlite:///{tmp_path}/warehouse.db")
    return SqlTarget(table=f"public.{table}", url=request.getfixturevalue("postgresql"))


def answers(seed: int) -> pa.Table:
    moments = pa.array([NOON + timedelta(microseconds=place) for place in range(ROWS)], pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "_key": [f"flight-{place}" for place in range(ROWS)],
            "_event_time": moments,
            "probability": [(seed + place) / 1000 for place in range(ROWS)],
            "decision": [place % 3 == 0 for place in range(ROWS)],
            "release_version": [str(seed)] * ROWS,
            "bundle_digest": ["b" * 32] * ROWS,
            "as_of": pa.array([NOON] * ROWS, pa.timestamp("us", "UTC")),
        }
    )


def stored(target: SqlTarget, columns: str) -> list[tuple]:
    engine = create_engine(target.url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {target.table} ORDER BY key"))]
    engine.dispose()
    return rows


def test_what_is_read_back_is_what_was_said(target):
    write_predictions(target, "flights", DAY, answers(1), None)
    write_predictions(target, "flights", DAY, answers(2), None)
    said = answers(2).sort_by("_key")
    wanted = zip(said.column("_key").to_pylist(), said.column("probability").to_pylist(), ["2"] * ROWS, strict=True)
    assert stored(target, "key, probability, release_version") == list(wanted)
    assert {bool(decision) for (decision,) in stored(target, "decision")} == {True, False}


def test_two_that_write_a_day_at_once_leave_one_whole_day(target):
    """The loser of the race is refused and may try again; what stands is one writer's, never a mixture."""
    write_predictions(target, "flights", DAY, answers(0), None)

    def write(seed: int) -> bool:
        try:
            write_predictions(target, "flights", DAY, answers(seed), None)
        except (DataError, ConnectionError):
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(write, range(1, 9)))
    assert any(written)
    versions = {version for (version,) in stored(target, "release_version")}
    assert len(versions) == 1
    assert len(stored(target, "key")) == ROWS
