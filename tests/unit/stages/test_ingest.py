"""Ingest: a night costs the new day, a correction is a new version, and nothing is ever half there."""

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evergreen.digests import digest_table
from evergreen.errors import LandingError, RequestError, SettingsError
from evergreen.files import Files
from evergreen.stages.ingest import ingest
from evergreen.tables.day_table import DIGEST, REFERENCE_DAY, DayTable
from evergreen.tables.rows import read_rows
from unit.stages.landing_case import FIRST, Case, definition, encode, night, nth, rows

TESTS = Path(__file__).parents[2]


@pytest.fixture
def case(tmp_path):
    made = Case(str(tmp_path), definition())
    made.land_days(0, 3)
    return made


@pytest.fixture
def traffic(monkeypatch):
    """Every URI read and written, landing zone and stores alike."""
    seen = {"read": [], "written": []}
    read, write = Files.read_bytes, Files.write_bytes
    monkeypatch.setattr(Files, "read_bytes", lambda self, uri: (seen["read"].append(uri), read(self, uri))[1])
    monkeypatch.setattr(Files, "write_bytes", lambda self, uri, data: (seen["written"].append(uri), write(self, uri, data))[1])
    return seen


def landed(uris):
    return sorted(uri.partition("/landing/taxi/")[2] for uri in uris if "/landing/taxi/" in uri)


def everything(root):
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in Path(root).rglob("*") if path.is_file()}


def trips(case, snapshot):
    return DayTable(snapshot.tables["trips"].uri, case.files).read(snapshot.tables["trips"].version)


# A night


def test_the_first_night_takes_in_the_history(case):
    snapshot = case.ingest(3)
    assert (snapshot.first_day, snapshot.last_day, snapshot.written_days) == (FIRST, nth(3), 9)
    found = snapshot.tables["trips"]
    assert (found.first_day, found.last_day, found.days, found.rows, found.version) == (FIRST, nth(3), 4, 16, 0)
    cars = snapshot.tables["cars"]
    assert (cars.first_day, cars.last_day, cars.days, cars.rows) == (REFERENCE_DAY, REFERENCE_DAY, 1, 2)


def test_rows_arrive_as_they_were_delivered(case):
    found = trips(case, case.ingest(3)).select(["id", "at", "n", "x", "ok"])
    assert found.equals(pa.concat_tables([rows(nth(number)) for number in range(4)]))


def test_a_second_ingest_reads_no_file_and_writes_nothing(case, traffic, tmp_path):
    first = case.ingest(3)
    before = everything(tmp_path)
    traffic["read"].clear()
    second = case.ingest(3)
    assert landed(traffic["read"]) == []
    assert everything(tmp_path) == before
    assert second.written_days == 0
    assert second == first.model_copy(update={"written_days": 0})


def test_a_night_reads_the_new_day_alone(case, traffic, tmp_path):
    case.ingest(3)
    case.land_days(4, 4)
    os.utime(tmp_path / "landing/taxi/cars.parquet", (1_000_000_000, 1_000_000_000))
    traffic["read"].clear()
    files = len(list((tmp_path / "tables").rglob("*.parquet")))
    snapshot = case.ingest(4)
    assert landed(traffic["read"]) == ["cars.parquet", f"ends/{nth(4)}.parquet", f"trips/{nth(4)}.parquet"]
    assert snapshot.written_days == 2, "the cars were delivered again as they were"
    assert len(list((tmp_path / "tables").rglob("*.parquet"))) == files + 2


def test_a_file_that_came_just_now_is_looked_at_once_more(case, traffic):
    case.land(f"trips/{nth(4)}.parquet", rows(nth(4)), settled=False)
    case.ingest(4)
    traffic["read"].clear()
    assert case.ingest(4).written_days == 0
    assert landed(traffic["read"]) == [f"trips/{nth(4)}.parquet"]


@pytest.mark.parametrize("damage", ["lost", "garbage", "other table"])
def test_without_its_memory_a_night_costs_time_and_nothing_else(case, traffic, tmp_path, damage):
    first = case.ingest(3)
    memory = tmp_path / "tables/taxi/_landing/trips.json"
    if damage == "lost":
        memory.unlink()
    else:
        memory.write_bytes(b"{" if damage == "garbage" else (memory.parent / "ends.json").read_bytes())
    traffic["read"].clear()
    assert case.ingest(3) == first.model_copy(update={"written_days": 0})
    assert landed(traffic["read"]) == [f"trips/{nth(number)}.parquet" for number in range(4)]


def test_a_memory_of_a_table_that_is_gone_is_not_believed(case, tmp_path):
    import shutil

    first = case.ingest(3)
    shutil.rmtree(tmp_path / "tables/taxi/raw/trips")
    second = case.ingest(3)
    assert (second.written_days, second.digest) == (4, first.digest)


def test_force_reads_everything_and_writes_nothing_new(case, traffic):
    first = case.ingest(3)
    traffic["read"].clear()
    assert case.ingest(3, force=True) == first.model_copy(update={"written_days": 0})
    assert len(landed(traffic["read"])) == 9


# Corrections


def test_a_corrected_day_is_a_new_version_and_the_old_snapshot_stays_readable(case):
    old = case.ingest(3)
    before = {name: read_rows(case.definition, old, name, case.files) for name in old.tables}
    case.land(f"trips/{nth(1)}.parquet", rows(nth(1), count=2, salt=100))
    new = case.ingest(3)
    assert (new.written_days, new.tables["trips"].version) == (1, old.tables["trips"].version + 1)
    assert new.tables["ends"] == old.tables["ends"]
    assert new.digest != old.digest
    assert new.tables["trips"].rows == 14
    for name, rows_then in before.items():
        assert read_rows(case.definition, old, name, case.files).equals(rows_then)
    kept = DayTable(old.tables["trips"].uri, case.files).partitions(old.tables["trips"].version)
    assert DayTable.snapshot_digest(kept.values()) == old.tables["trips"].digest


def test_a_correction_taken_back_gives_the_old_digest(case):
    old = case.ingest(3)
    case.land(f"trips/{nth(1)}.parquet", rows(nth(1), salt=100))
    case.ingest(3)
    case.land(f"trips/{nth(1)}.parquet", rows(nth(1)))
    assert case.ingest(3).digest == old.digest


def test_a_day_whose_file_is_gone_keeps_its_rows(case, tmp_path):
    old = case.ingest(3)
    (tmp_path / f"landing/taxi/trips/{nth(1)}.parquet").unlink()
    assert case.ingest(3).digest == old.digest


def test_a_day_that_is_delivered_empty_loses_its_rows(case):
    case.ingest(3)
    case.land(f"trips/{nth(1)}.parquet", rows(nth(1)).slice(0, 0))
    snapshot = case.ingest(3)
    assert (snapshot.tables["trips"].days, snapshot.written_days) == (3, 1)
    assert case.ingest(3).written_days == 0


def test_a_reference_table_is_replaced_whole(case):
    old = case.ingest(3)
    case.land("cars.parquet", pa.table({"car": ["c"]}))
    new = case.ingest(3)
    assert (new.written_days, new.tables["cars"].rows) == (1, 1)
    assert read_rows(case.definition, old, "cars", case.files).column("car").to_pylist() == ["a", "b"]


def test_a_changed_contract_reads_and_writes_every_day(case):
    case.ingest(3)
    case.definition = definition(columns={"id": "string", "at": "timestamp", "n": "number"})
    snapshot = case.ingest(3)
    assert snapshot.written_days == 4
    found = trips(case, snapshot)
    assert found.schema.field("n").type == pa.float64()
    assert "x" not in found.column_names


# The window


def test_days_after_the_local_day_of_as_of_are_not_there(case, traffic):
    early = case.ingest(1)
    assert not any(nth(2).isoformat() in uri for uri in landed(traffic["read"]))
    assert (early.last_day, early.tables["trips"].last_day, early.tables["trips"].days) == (nth(1), nth(1), 2)
    late = case.ingest(3)
    assert late.tables["trips"].days == 4
    again = case.ingest(1)
    assert again.tables["trips"].digest == early.tables["trips"].digest, "days known by now are not part of an earlier run"
    assert again.digest == early.digest


def test_the_local_day_counts_and_not_the_day_in_utc(case):
    late_evening = datetime(2013, 1, 3, 4, 59, tzinfo=UTC)
    assert ingest(case.definition, case.settings, late_evening).last_day == nth(1)
    assert ingest(case.definition, case.settings, late_evening + timedelta(minutes=1)).last_day == nth(2)


def test_a_later_first_day_narrows_the_window(case):
    snapshot = case.ingest(3, first_day=nth(2))
    assert (snapshot.first_day, snapshot.tables["trips"].days) == (nth(2), 2)
    assert case.ingest(3, first_day=nth(-5)).first_day == FIRST


def test_the_end_of_the_data_ends_the_window(case):
    whole_model = case.definition.model_dump(mode="json")
    whole_model["data"]["last_day"] = nth(60).isoformat()
    ended = case.definition.model_validate(whole_model)
    assert ingest(ended, case.settings, night(nth(59))).last_day == nth(59)
    assert ingest(ended, case.settings, night(nth(90))).last_day == nth(60)


@pytest.mark.parametrize(
    ("as_of", "first_day"),
    [(datetime(2013, 1, 3), None), (night(nth(-1)), None), (night(nth(1)), nth(2))],
)
def test_a_run_without_a_window_is_refused(case, as_of, first_day):
    with pytest.raises(RequestError):
        ingest(case.definition, case.settings, as_of, first_day=first_day)


# Formats


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_every_format_gives_the_same_snapshot(case, tmp_path_factory, ending):
    other = Case(str(tmp_path_factory.mktemp("other")), definition(ending))
    other.land_days(0, 3, ending)
    assert other.ingest(3).digest == case.ingest(3).digest


def test_the_order_of_columns_and_their_widths_do_not_matter(case):
    first = case.ingest(3)
    shuffled = rows(nth(1)).select(["ok", "x", "id", "n", "at"])
    local = shuffled.column("at").cast(pa.timestamp("ms", "Asia/Tokyo"))
    shuffled = shuffled.set_column(4, "at", local).set_column(2, "id", shuffled.column("id").dictionary_encode())
    shuffled = shuffled.set_column(3, "n", shuffled.column("n").cast(pa.int16()))
    case.land(f"trips/{nth(1)}.parquet", shuffled)
    assert case.ingest(3).digest == first.digest


def test_not_a_number_is_missing(case):
    first = case.ingest(3)
    table = rows(nth(1))
    nan = pc.fill_null(table.column("x"), float("nan"))
    case.land(f"trips/{nth(1)}.parquet", table.set_column(3, "x", nan))
    assert case.ingest(3).digest == first.digest


def test_moments_without_a_zone_are_utc(case):
    first = case.ingest(3)
    table = rows(nth(1))
    naive = table.column("at").cast(pa.timestamp("us"))
    case.land(f"trips/{nth(1)}.parquet", table.set_column(1, "at", naive))
    assert case.ingest(3).digest == first.digest


def test_repeated_rows_are_kept_for_validation_to_judge(case):
    case.land(f"trips/{nth(1)}.parquet", pa.concat_tables([rows(nth(1)), rows(nth(1))]))
    assert case.ingest(3).tables["trips"].rows == 20


def test_parts_of_a_day_count_only_where_the_pattern_says_so(case):
    case.land(f"trips/{nth(1)}-2.parquet", rows(nth(1), salt=9))
    assert case.ingest(3).tables["trips"].rows == 16
    case.definition = definition(files="trips/{day}*.parquet")
    snapshot = case.ingest(3)
    assert snapshot.tables["trips"].rows == 20
    found = DayTable(snapshot.tables["trips"].uri, case.files).read(snapshot.tables["trips"].version, days=[nth(1)])
    # `-` comes before `.`: the part is read first.
    assert found.column("n").to_pylist() == [9, None, 11, 12, 0, None, 2, 3]


def test_a_table_without_declared_columns_takes_those_of_its_first_night(tmp_path):
    case = Case(str(tmp_path), definition("csv", columns={}))
    case.land_days(0, 1, "csv")
    snapshot = case.ingest(1)
    schema = DayTable(snapshot.tables["trips"].uri, case.files).schema()
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "id": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "n": pa.int64(),
        "x": pa.float64(),
        "ok": pa.bool_(),
    }
    broken = rows(nth(2)).set_column(2, "n", pa.array(["many"] * 4))
    case.land(f"trips/{nth(2)}.csv", broken)
    with pytest.raises(LandingError, match="'n'"):
        case.ingest(2)


# Queries


@pytest.fixture
def queried(tmp_path, monkeypatch):
    """Trips come from a database; every day that is asked for is noted."""
    from evergreen.stages import ingest as stage

    path = tmp_path / "source.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trips (id TEXT, at TEXT, n INTEGER, x REAL, ok INTEGER)")
    connection.close()

    def put(day, salt=0):
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM trips WHERE id LIKE ?", (f"{day}-%",))
            for row in rows(day, salt=salt).to_pylist():
                row["at"] = row["at"].strftime("%Y-%m-%d %H:%M:%S.%f")
                connection.execute("INSERT INTO trips VALUES (:id, :at, :n, :x, :ok)", row)
        connection.close()

    query = "SELECT * FROM trips WHERE at >= :start AND at < :end"
    source = {"connection": "warehouse", "query": query, "recheck": "2d"}
    made = Case(str(tmp_path), definition(sql=source, files=None))
    made.land_days(0, 9)
    asked, ask = [], stage.query_days
    monkeypatch.setattr(
        stage, "query_days", lambda source, days, *a, **k: (asked.append(list(days)), ask(source, days, *a, **k))[1]
    )
    return made, put, asked, {"resolve_connection": lambda name: f"sqlite:///{path}"}


def test_a_night_asks_for_the_last_days_again_and_for_those_it_never_asked_for(queried):
    case, put, asked, words = queried
    for number in (0, 1, 2, 3, 4, 6):
        put(nth(number))
    first = case.ingest(5, **words)
    assert asked == [[nth(number) for number in range(6)]]
    assert (first.tables["trips"].days, first.tables["trips"].rows) == (5, 20)
    put(nth(0), salt=50)
    put(nth(4), salt=50)
    put(nth(5))
    asked.clear()
    second = case.ingest(6, **words)
    assert asked == [[nth(number) for number in (4, 5, 6)]], "older ones are known"
    found = trips(case, second)
    assert second.tables["trips"].days == 7
    assert found.filter(pc.equal(found.column("_day"), pa.scalar(nth(4)))).column("n").to_pylist() == [50, None, 52, 53]
    assert found.column("n").to_pylist()[:4] == [0, None, 2, 3], "too old to be asked for again"


def test_a_day_that_was_not_over_is_asked_for_again(queried):
    case, put, asked, words = queried
    source = {**case.definition.data.tables["trips"].sql.model_dump(mode="json", exclude_none=True), "recheck": "0d"}
    case.definition = definition(sql=source, files=None)
    for number in range(3):
        put(nth(number))
    case.ingest(2, **words)
    asked.clear()
    case.ingest(4, **words)
    assert asked == [[nth(number) for number in (2, 3, 4)]], "the night of day 2 saw three of its hours"


def test_a_query_gives_the_same_snapshot_as_files_with_the_same_rows(queried, case):
    from_sql, put, _, words = queried
    for number in range(4):
        put(nth(number))
    assert from_sql.ingest(3, **words).tables["trips"].digest == case.ingest(3).tables["trips"].digest


def test_a_query_outside_airflow_needs_an_address_of_its_own(queried):
    case, _, _, _ = queried
    with pytest.raises(SettingsError, match="'warehouse'"):
        case.ingest(3)


# Corruptions: a clear error, and nothing was written

WRONG_TYPE = rows(nth(3)).set_column(2, "n", pa.array([f"{number} mi" for number in range(4)]))
CORRUPTIONS = {
    "no bytes": (b"", "is empty"),
    "cut off": (encode(rows(nth(3)), "parquet")[:-30], "cannot be read as Parquet"),
    "another format": (b"id,at\n", "cannot be read as Parquet"),
    "missing column": (encode(rows(nth(3)).drop_columns(["x"]), "parquet"), "'x' is missing"),
    "text for a number": (encode(WRONG_TYPE, "parquet"), "'n' does not hold"),
}


@pytest.mark.parametrize(("data", "says"), CORRUPTIONS.values(), ids=CORRUPTIONS)
@pytest.mark.parametrize("table", ["trips", "ends"])
def test_a_corrupt_file_is_named_and_nothing_is_written(case, tmp_path, table, data, says):
    case.ingest(2)
    case.land(f"{table}/{nth(3)}.parquet", data)
    before = everything(tmp_path)
    with pytest.raises(LandingError, match=says) as caught:
        case.ingest(3)
    assert f"{table}/{nth(3)}.parquet" in caught.value.found
    assert everything(tmp_path) == before, "the sound table is not written either"


@pytest.mark.parametrize("table", ["trips", "cars"])
def test_a_table_without_any_file_is_refused(case, tmp_path, table):
    import shutil

    place = tmp_path / "landing/taxi"
    (place / "cars.parquet").unlink() if table == "cars" else shutil.rmtree(place / "trips")
    with pytest.raises(LandingError, match=f"'{table}' has no rows"):
        case.ingest(3)
    assert not (tmp_path / "tables").exists()


def test_an_empty_landing_zone_is_refused(tmp_path):
    with pytest.raises(LandingError, match="'trips' has no rows"):
        Case(str(tmp_path), definition()).ingest(0)


def test_files_of_other_days_alone_are_refused_with_their_span(tmp_path):
    case = Case(str(tmp_path), definition())
    case.land_days(5, 9)
    with pytest.raises(LandingError) as caught:
        case.ingest(3)
    assert f"5 days of files, {nth(5)} to {nth(9)}" in caught.value.found


def test_only_days_without_rows_are_refused(tmp_path):
    case = Case(str(tmp_path), definition())
    case.land_days(0, 0)
    case.land(f"ends/{nth(0)}.parquet", rows(nth(0), count=0))
    with pytest.raises(LandingError, match="'ends' has no rows"):
        case.ingest(0)


# Processes: killed, and two at once

CHILD = """
import os, signal, sys
from unit.stages.landing_case import Case, definition
from evergreen.stages import ingest as stage
from evergreen.tables.day_table import DayTable

def kill(): os.kill(os.getpid(), signal.SIGKILL)

root, point = sys.argv[1:]
commit, calls = DayTable._commit, []
if point == "memory":
    stage.save_listing = lambda *a: kill()
elif point != "none":
    place, number = point.split()
    def patched(self, *arguments, **words):
        calls.append(self)
        if place == "before" and len(calls) == int(number): kill()
        done = commit(self, *arguments, **words)
        if place == "after" and len(calls) == int(number): kill()
        return done
    DayTable._commit = patched
Case(root, definition()).ingest(3)
"""


def child(case, point):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen([sys.executable, "-c", CHILD, case.root, point], env=environment)


def whole(case):
    """Every day that is visible holds the rows its digest promises."""
    for name in ("trips", "ends", "cars"):
        uri = f"{case.root}/tables/taxi/raw/{name}"
        table = DayTable(uri, case.files)
        for day, partition in table.partitions().items():
            found = table.read(table.version(), days=[day])
            plain = found.select([column for column in found.column_names if not column.startswith("_")])
            assert set(found.column(DIGEST).to_pylist()) == {partition.digest} == {digest_table(plain)}


@pytest.mark.parametrize("point", ["before 1", "after 1", "before 2", "after 3", "memory"])
def test_a_killed_ingest_leaves_whole_days_and_is_made_good_by_the_next(case, tmp_path_factory, point):
    killed = child(case, point)
    assert killed.wait(60) == -signal.SIGKILL
    whole(case)
    other = Case(str(tmp_path_factory.mktemp("undisturbed")), definition())
    other.land_days(0, 3)
    assert case.ingest(3).digest == other.ingest(3).digest
    whole(case)


def test_two_ingests_at_once_agree(case):
    case.land_days(4, 20)
    both = [child(case, "none") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    whole(case)
    snapshot = case.ingest(3)
    assert snapshot.written_days == 0
    assert snapshot.tables["trips"].rows == 16
