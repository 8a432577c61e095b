"""Local disk and S3 keep the same promises: files, tables by day, stage results, and a whole ingest."""

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.errors import DataError, LandingError, StoreUnavailableError
from evergreen.files import Files, join_uri
from evergreen.results import Result
from evergreen.tables.rows import read_rows
from evergreen.tables.stage_results import StageResults
from free_ports import free_port
from object_store import BUCKET, Store
from unit.stages.landing_case import Case, definition, nth, rows

TESTS = Path(__file__).parents[1]


def table_of(*values: int) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64())})


# Files


def test_a_file_is_read_as_it_was_written(store):
    uri = join_uri(store.root, "deep", "er", "a b+c=é.bin")
    assert not store.files.exists(uri)
    store.files.write_bytes(uri, b"\0\xff")
    assert store.files.exists(uri)
    assert store.files.read_bytes(uri) == b"\0\xff"
    store.files.write_bytes(uri, b"")
    assert store.files.read_bytes(uri) == b""


def test_a_large_file_is_read_as_it_was_written(store):
    data = os.urandom(12 * 2**20)
    store.files.write_bytes(join_uri(store.root, "large"), data)
    assert store.files.read_bytes(join_uri(store.root, "large")) == data


def test_a_missing_file_is_a_missing_file_everywhere(store):
    with pytest.raises(FileNotFoundError):
        store.files.read_bytes(join_uri(store.root, "none"))


def test_a_listing_is_sorted_deep_and_tells_sizes(store):
    for name in ("b.csv", "a/b.csv", "a/a.csv"):
        store.files.write_bytes(join_uri(store.root, "l", name), name.encode())
    found = store.files.list(join_uri(store.root, "l"))
    assert [info.uri for info in found] == [join_uri(store.root, "l", name) for name in ("a/a.csv", "a/b.csv", "b.csv")]
    assert [info.size_bytes for info in found] == [7, 7, 5]
    assert all(info.modified_ns > 10**18 for info in found)
    assert store.files.list(join_uri(store.root, "no", "such", "folder")) == []


def test_a_listing_stays_within_its_folder(store):
    store.files.write_bytes(join_uri(store.root, "trips", "a"), b"")
    store.files.write_bytes(join_uri(store.root, "trips2", "b"), b"")
    assert [info.uri for info in store.files.list(join_uri(store.root, "trips"))] == [join_uri(store.root, "trips", "a")]


# Tables by day


def test_every_version_of_a_table_stays_readable(store):
    table = store.table()
    assert (table.version(), table.partitions()) == (None, {})
    first = table.write_days({nth(0): table_of(1, 2), nth(1): table_of(3)})
    assert table.write_days({nth(1): table_of(3)}).written == ()
    second = table.write_days({nth(0): table_of(9), nth(2): table_of(4)})
    assert table.read(first.version).column("x").to_pylist() == [1, 2, 3]
    assert table.read(second.version).column("x").to_pylist() == [9, 3, 4]
    assert table.read(second.version, days=[nth(1)]).column("x").to_pylist() == [3]
    assert table.partitions(first.version) == first.partitions
    with pytest.raises(DataError):
        table.read(99)


WRITER = """
import sys
from object_store import BUCKET, Store
from unit.stages.landing_case import nth
from contracts.test_stores import Store, table_of

root, endpoint, salt = sys.argv[1:]
table = Store(root, endpoint).table()
for number in range(5):
    table.write_days({nth(number): table_of(number, int(salt)), nth(10 + int(salt)): table_of(number)})
"""


def python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)


def test_two_processes_write_one_table_at_once(store):
    writers = [python(WRITER, store.root, store.s3_endpoint_url, salt) for salt in ("1", "2")]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    table = store.table()
    assert list(table.partitions()) == [nth(number) for number in (0, 1, 2, 3, 4, 11, 12)]
    found = table.read(table.version()).select(["_day", "x"]).to_pydict()
    days = {day: [x for at, x in zip(found["_day"], found["x"], strict=True) if at == day] for day in found["_day"]}
    assert days[nth(11)] == days[nth(12)] == [4], "the last write of each writer's own day"
    assert all(days[nth(number)] in ([number, 1], [number, 2]) for number in range(5)), "one writer's rows, never both"


EIGHT = """
import sys, time
from object_store import Store
from unit.stages.landing_case import nth
from contracts.test_stores import EACH, eager, table_of

root, endpoint, start, salt = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
table = Store(root, endpoint).table()
time.sleep(max(0.0, start - time.time()))
for number in range(EACH):
    added = 100 * salt + number
    eager(lambda: table.change_day(nth(0), lambda rows: table_of(*(rows["x"].to_pylist() if rows else []), added)))
    eager(lambda: table.write_days({nth(1 + salt): table_of(*range(number + 1))}))
"""
EACH = 2
"""Additions of every one of the eight writers to the one day they share."""


def eager(write):
    """Write, and again where others kept coming in between, as Airflow's retry does."""
    while True:
        try:
            return write()
        except StoreUnavailableError:
            continue


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_writers_at_once_lose_nothing_and_double_nothing(store):
    start = str(time.time() + 5)
    writers = [python(EIGHT, store.root, store.s3_endpoint_url, start, str(salt)) for salt in range(8)]
    assert [writer.wait(500) for writer in writers] == [0] * 8
    table = store.table()
    shared = table.read(table.version(), days=[nth(0)])["x"].to_pylist()
    assert sorted(shared) == [100 * salt + number for salt in range(8) for number in range(EACH)]
    for salt in range(8):
        own = [value for value in shared if value // 100 == salt]
        assert own == sorted(own), "a writer's additions in the order in which it made them"
        assert table.read(table.version(), days=[nth(1 + salt)])["x"].to_pylist() == list(range(EACH))
    # Every version is whole: the shared day only grows, by one row at a time.
    sizes = [table.partitions(version).get(nth(0)) for version in range(table.version() + 1)]
    rows_by_version = [0 if one is None else one.rows for one in sizes]
    assert {after - before for before, after in itertools.pairwise(rows_by_version)} <= {0, 1}


# Stage results


class Answer(Result):
    value: int


def test_a_stage_does_its_work_once(store):
    results = StageResults(store.root, "model", store.files)
    calls = []
    for _ in range(2):
        assert results.once("stage", "key", Answer, lambda: calls.append(1) or Answer(value=7)) == Answer(value=7)
    assert calls == [1]
    store.files.write_bytes(results.uri("stage", "key"), b"{")
    assert results.get("stage", "key", Answer) is None


# A whole ingest


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_ingest_gives_the_same_digest_from_every_store_and_format(store, ending, tmp_path_factory):
    case = store.case(ending)
    case.land_days(0, 2, ending)
    reference = Case(str(tmp_path_factory.mktemp("reference")), definition())
    reference.land_days(0, 2)
    assert case.ingest(2).digest == reference.ingest(2).digest


def test_a_night_a_correction_and_an_old_snapshot(store):
    case = store.case()
    case.land_days(0, 2)
    old = case.ingest(1)
    new = case.ingest(2)
    assert (old.written_days, new.written_days) == (5, 2)
    case.land(f"trips/{nth(0)}.parquet", rows(nth(0), count=2, salt=5))
    corrected = case.ingest(2)
    assert (corrected.written_days, corrected.tables["trips"].rows) == (1, 10)
    assert read_rows(case.definition, old, "trips", case.files).column("n").to_pylist()[:4] == [0, None, 2, 3]
    assert read_rows(case.definition, corrected, "trips", case.files).column("n").to_pylist()[:3] == [5, None, 0]


def test_unchanged_files_are_not_read_again(store, monkeypatch):
    case = store.case()
    case.land_days(0, 2)
    if store.s3_endpoint_url:  # S3 gives files its own time: let the listing be a minute older
        from evergreen.tables import listing

        monkeypatch.setattr(listing, "SETTLED_SECONDS", -60)
    case.ingest(2)
    read, seen = Files.read_bytes, []
    monkeypatch.setattr(Files, "read_bytes", lambda self, uri: (seen.append(uri), read(self, uri))[1])
    assert case.ingest(2).written_days == 0
    assert [uri for uri in seen if "/landing/taxi/" in uri] == []


def test_a_corrupt_file_writes_nothing(store):
    case = store.case()
    case.land_days(0, 1)
    case.ingest(0)
    case.land(f"ends/{nth(1)}.parquet", b"PAR1")
    before = store.files.list(join_uri(store.root, "home", "tables"))
    with pytest.raises(LandingError, match=r"ends/2013-01-02\.parquet"):
        case.ingest(1)
    assert store.files.list(join_uri(store.root, "home", "tables")) == before


# An S3 that does not answer


@pytest.fixture
def nowhere(s3_endpoint):
    """A port where nothing listens, with the credentials of the server that does."""
    return Store(f"s3://{BUCKET}", f"http://127.0.0.1:{free_port()}")


def test_an_s3_that_does_not_answer_may_be_asked_again(nowhere):
    with pytest.raises(StoreUnavailableError):
        nowhere.files.read_bytes(join_uri(nowhere.root, "a"))
    with pytest.raises(StoreUnavailableError) as caught:
        nowhere.table().version()
    assert "\x1b" not in str(caught.value)
    with pytest.raises(StoreUnavailableError):
        nowhere.case().ingest(0)


def test_a_bucket_that_is_not_there_is_told(s3_endpoint):
    store = Store("s3://no-such-bucket-here", s3_endpoint)
    with pytest.raises(StoreUnavailableError, match="no-such-bucket-here"):
        store.table().write_days({nth(0): table_of(1)})
    with pytest.raises(StoreUnavailableError, match="no-such-bucket-here"):
        store.files.write_bytes(join_uri(store.root, "a"), b"x")
