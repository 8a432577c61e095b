"""The rows a run may read: availability, quarantine, duplicates, stable ids."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.definitions import ModelDefinition
from evergreen.files import Files
from evergreen.results import Snapshot, TableVersion
from evergreen.tables.day_table import REFERENCE_DAY, DayTable
from evergreen.tables.rows import read_rows, row_ids

FIRST = date(2013, 1, 1)
START = datetime(2013, 1, 1, tzinfo=UTC)
US = pa.timestamp("us", "UTC")
HOUR = timedelta(hours=1)


def definition(deduplicate: str = "none", available: dict | None = None) -> ModelDefinition:
    columns = {"id": "string", "at": "timestamp", "seen": "timestamp", "x": "integer"}
    table = {"files": "t/{day}.csv", "key": ["id"], "event_time": "at", "columns": columns}
    return ModelDefinition.model_validate(
        {
            "name": "m",
            "title": "?",
            "owner": "me",
            "data": {
                "rows": "asked",
                "first_day": FIRST,
                "label": {"table": "labels", "column": "x", "above": 0},
                "tables": {
                    "t": {**table, **(available or {})},
                    "asked": {**table, "files": "a/{day}.csv"},
                    "labels": {**table, "files": "l/{day}.csv"},
                    "cars": {"files": "cars.csv", "key": ["car"]},
                },
            },
            "validation": {"tables": {"t": {"deduplicate": deduplicate}}},
        }
    )


def rows(*hours: float, day: int = 0, ids: str = "", seen: float = 0, x: list[int] | None = None) -> pa.Table:
    moments = [START + timedelta(days=day, hours=hour) for hour in hours]
    return pa.table(
        {
            "id": pa.array(list(ids) or [f"{day}-{number}" for number in range(len(hours))], pa.string()),
            "at": pa.array(moments, US),
            "seen": pa.array([moment + timedelta(hours=seen) for moment in moments], US),
            "x": pa.array(x or list(range(len(hours))), pa.int64()),
        }
    )


@pytest.fixture
def store(tmp_path):
    """Write days of a table and return the snapshot of a run that may use them."""

    def write(days: dict[int, pa.Table], as_of: datetime = START + timedelta(days=9), **window: date) -> Snapshot:
        table = DayTable(str(tmp_path / "t"), Files())
        result = table.write_days({FIRST + timedelta(days=number): rows for number, rows in days.items()})
        cars = DayTable(str(tmp_path / "cars"), Files())
        cars.write_days({REFERENCE_DAY: pa.table({"car": ["a", "b"]})})
        span = {"first_day": FIRST, "last_day": FIRST + timedelta(days=9), **window}
        versions = {"t": (table, result.version), "cars": (cars, 0)}
        tables = {
            name: TableVersion(table=name, uri=at.uri, version=version, digest="", days=0, rows=0, **span)
            for name, (at, version) in versions.items()
        }
        return Snapshot(model="m", as_of=as_of, tables=tables, digest="", written_days=0, **span)

    return write


def ids(found: pa.Table) -> list[str]:
    return found.column("id").to_pylist()


def test_columns_and_order(store):
    found = read_rows(definition(), store({1: rows(0, day=1), 0: rows(5, 1)}), "t", Files())
    assert found.column_names == ["id", "at", "seen", "x", "_day", "_row_id", "_event_time", "_available_at"]
    assert ids(found) == ["0-0", "0-1", "1-0"]
    assert found.schema.field("_event_time").type == found.schema.field("_available_at").type == US
    assert found.schema.field("_day").type == pa.date32()


@pytest.mark.parametrize(
    ("available", "last_readable_hour"),
    [({}, 6), ({"available_after": "2h"}, 4), ({"available_after": "-3h"}, 9), ({"available_at": "seen"}, 5)],
)
def test_a_row_is_readable_from_the_very_moment_it_became_available(store, available, last_readable_hour):
    snapshot = store({0: rows(*range(24), seen=1)}, as_of=START + 6 * HOUR)
    found = read_rows(definition(available=available), snapshot, "t", Files())
    assert found.num_rows == last_readable_hour + 1
    assert max(found.column("_available_at").to_pylist()) == START + 6 * HOUR


def test_one_microsecond_too_late_is_too_late(store):
    snapshot = store({0: rows(6 + 1 / 3_600_000_000)}, as_of=START + 6 * HOUR)
    assert snapshot.tables["t"].uri
    assert read_rows(definition(), snapshot, "t", Files()).num_rows == 0


def test_a_row_without_an_event_time_is_never_readable(store):
    broken = rows(0, 1)
    broken = broken.set_column(1, "at", pa.array([None, START], US))
    assert ids(read_rows(definition(), store({0: broken}), "t", Files())) == ["0-1"]


def test_a_reference_table_is_always_readable(store):
    found = read_rows(definition(), store({0: rows(0)}, as_of=START - timedelta(days=9999)), "cars", Files())
    assert found.column("car").to_pylist() == ["a", "b"]
    assert found.column("_event_time").null_count == found.column("_available_at").null_count == 2


def test_days_outside_the_window_are_not_read(store):
    days = {number: rows(0, day=number) for number in range(5)}
    snapshot = store(days, last_day=FIRST + timedelta(days=3), first_day=FIRST + timedelta(days=1))
    assert ids(read_rows(definition(), snapshot, "t", Files())) == ["1-0", "2-0", "3-0"]


def test_a_caller_may_narrow_the_window_and_not_widen_it(store):
    days = {number: rows(0, day=number) for number in range(5)}
    snapshot = store(days, last_day=FIRST + timedelta(days=3))
    read = lambda first, last: ids(  # noqa: E731
        read_rows(
            definition(), snapshot, "t", Files(), first_day=FIRST + timedelta(days=first), last_day=FIRST + timedelta(days=last)
        )
    )
    assert read(1, 2) == ["1-0", "2-0"]
    assert read(-5, 99) == ["0-0", "1-0", "2-0", "3-0"]
    assert read(3, 2) == []


def test_row_ids_name_day_digest_and_position_and_stay(store):
    snapshot = store({0: rows(5, 1), 1: rows(0, day=1)})
    digest = DayTable(snapshot.tables["t"].uri, Files()).partitions()[FIRST].digest
    found = read_rows(definition(), snapshot, "t", Files())
    first = found.column("_row_id").to_pylist()
    assert first[:2] == [f"20130101-{digest[:8]}-0", f"20130101-{digest[:8]}-1"]
    later = store({2: rows(0, day=2), 1: rows(7, day=1)})
    assert read_rows(definition(), later, "t", Files()).column("_row_id").to_pylist()[:2] == first[:2]


def test_row_ids_do_not_depend_on_which_columns_or_days_are_read(store):
    snapshot = store({0: rows(5, 1), 1: rows(0, day=1)})
    table = DayTable(snapshot.tables["t"].uri, Files())
    whole = row_ids(table.read(0)).to_pylist()
    assert row_ids(table.read(0, columns=["x"], days=[FIRST + timedelta(days=1)])).to_pylist() == whole[2:]
    assert row_ids(table.read(0, days=[])).to_pylist() == []


def test_quarantined_rows_are_left_out(store, tmp_path):
    snapshot = store({0: rows(5, 1), 1: rows(0, 2, day=1)})
    everything = read_rows(definition(), snapshot, "t", Files())
    aside = everything.filter(pc.is_in(everything.column("id"), value_set=pa.array(["0-1", "1-0"])))
    table = DayTable(str(tmp_path / "quarantine"), Files())
    by_day = {
        FIRST + timedelta(days=number): pa.table({"_row_id": [aside.column("_row_id")[number].as_py()], "_reasons": ["bad"]})
        for number in range(2)
    }
    version = table.write_days(by_day).version
    quarantine = {"t": snapshot.tables["t"].model_copy(update={"uri": table.uri, "version": version})}
    assert ids(read_rows(definition(), snapshot, "t", Files(), quarantine=quarantine)) == ["0-0", "1-1"]
    assert read_rows(definition(), snapshot, "cars", Files(), quarantine=quarantine).num_rows == 2


@pytest.mark.parametrize(
    ("deduplicate", "expected"), [("none", [0, 0, 1, 2, 0]), ("exact", [0, 1, 2, 0]), ("keep_last", [1, 2, 0])]
)
def test_declared_duplicates_are_dropped_within_a_day(store, deduplicate, expected):
    days = {0: rows(1, 1, 1, 2, ids="aaab", x=[0, 0, 1, 2]), 1: rows(0, day=1, ids="a", x=[0])}
    found = read_rows(definition(deduplicate), store(days), "t", Files())
    assert found.column("x").to_pylist() == expected


def test_a_later_delivery_that_cannot_be_read_yet_does_not_replace_a_row(store):
    snapshot = store({0: rows(1, 8, ids="aa", x=[1, 2])}, as_of=START + 6 * HOUR)
    assert read_rows(definition("keep_last"), snapshot, "t", Files()).column("x").to_pylist() == [1]


@settings(max_examples=25, deadline=None)
@given(
    lags=st.lists(st.integers(-48, 48), min_size=1, max_size=20),
    as_of=st.integers(-50, 80),
    deduplicate=st.sampled_from(["none", "exact"]),
)
def test_nothing_that_became_available_later_is_ever_read(tmp_path_factory, lags, as_of, deduplicate):
    table = DayTable(str(tmp_path_factory.mktemp("t")), Files())
    moments = [START + number * HOUR for number in range(len(lags))]
    seen = [moment + lag * HOUR for moment, lag in zip(moments, lags, strict=True)]
    everything = rows(*range(len(lags))).set_column(2, "seen", pa.array(seen, US))
    table.write_days({FIRST: everything})
    now = START + as_of * HOUR
    span = {"first_day": FIRST, "last_day": FIRST}
    version = TableVersion(table="t", uri=table.uri, version=0, digest="", days=1, rows=1, **span)
    snapshot = Snapshot(model="m", as_of=now, tables={"t": version}, digest="", written_days=1, **span)
    found = read_rows(definition(deduplicate, {"available_at": "seen"}), snapshot, "t", Files())
    assert found.column("x").to_pylist() == [number for number, moment in enumerate(seen) if moment <= now]
