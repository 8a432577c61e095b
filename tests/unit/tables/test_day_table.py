"""Tables by day: atomic, incremental, every version readable, types untouched."""

import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.digests import digest_table
from evergreen.errors import DataError, StoreUnavailableError
from evergreen.files import Files
from evergreen.tables import day_table
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable, Partition

FIRST = date(2013, 1, 1)
PLACES = {DAY, DIGEST, POSITION}


def nth(number: int) -> date:
    return FIRST + timedelta(days=number)


def rows(*values: int) -> pa.Table:
    return pa.table({"id": pa.array([str(value) for value in values], pa.string()), "x": pa.array(values, pa.float64())})


@pytest.fixture
def table(tmp_path):
    return DayTable(str(tmp_path / "not" / "there" / "yet"), Files())


def test_a_table_that_does_not_exist_has_no_version_and_no_days(table, tmp_path):
    assert (table.version(), table.partitions(), table.schema()) == (None, {}, None)
    assert not list(tmp_path.iterdir()), "asking must not create"


def test_write_and_read_back_in_order(table):
    written = table.write_days({nth(1): rows(3, 1, 2), nth(0): rows(9, 8)})
    assert written.version == 0
    assert written.written == (nth(0), nth(1))
    found = table.read(0)
    assert found.column("id").to_pylist() == ["9", "8", "3", "1", "2"]
    assert found.column(DAY).type == pa.date32()
    assert found.column(DAY).to_pylist() == [nth(0)] * 2 + [nth(1)] * 3
    assert found.column(POSITION).to_pylist() == [0, 1, 0, 1, 2]
    assert set(found.column(DIGEST).to_pylist()) == {p.digest for p in written.partitions.values()}


def test_digests_and_counts_stand_in_the_log(table):
    written = table.write_days({nth(0): rows(1, 2), nth(1): rows(3)})
    assert table.partitions() == written.partitions
    assert written.partitions[nth(0)] == Partition(nth(0), digest_table(rows(1, 2)), 2)


def test_unchanged_days_are_not_written_again(table, tmp_path):
    table.write_days({nth(0): rows(1), nth(1): rows(2)})
    before = sorted(path for path in tmp_path.rglob("*"))
    again = table.write_days({nth(0): rows(1), nth(1): rows(2)})
    assert (again.version, again.written) == (0, ())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_day_leaves_the_files_of_other_days_alone(table, tmp_path):
    table.write_days({nth(0): rows(1)})
    before = set(tmp_path.rglob("*.parquet"))
    assert table.write_days({nth(0): rows(1), nth(1): rows(2)}).written == (nth(1),)
    assert len(set(tmp_path.rglob("*.parquet")) - before) == 1
    assert before <= set(tmp_path.rglob("*.parquet"))


def test_a_corrected_day_is_a_new_version_and_the_old_one_stays_readable(table):
    first = table.write_days({nth(0): rows(1, 2), nth(1): rows(3)})
    second = table.write_days({nth(0): rows(7)}, metadata={"as_of": "2013-01-02"})
    assert second.version == first.version + 1
    assert table.read(second.version).column("id").to_pylist() == ["7", "3"]
    assert table.read(first.version).column("id").to_pylist() == ["1", "2", "3"]
    assert table.partitions(first.version) == first.partitions


def test_a_day_of_no_rows_is_removed_and_may_come_back(table):
    table.write_days({nth(0): rows(1), nth(1): rows(2)})
    removed = table.write_days({nth(0): rows()})
    assert (removed.written, list(removed.partitions)) == ((nth(0),), [nth(1)])
    assert table.write_days({nth(1): rows(), nth(0): rows()}).partitions == {}
    assert table.read(table.version()).num_rows == 0
    assert table.write_days({nth(0): rows(1)}).partitions.keys() == {nth(0)}


def test_an_empty_first_write_makes_an_empty_table(table):
    result = table.write_days({nth(0): rows()})
    assert (result.version, result.partitions) == (0, {})
    assert set(table.read(0).column_names) == {"id", "x", *PLACES}


def test_only_asked_days_and_columns_are_read(table):
    table.write_days({nth(number): rows(number) for number in range(5)})
    found = table.read(0, days=[nth(1), nth(3), nth(99)], columns=["x"])
    assert set(found.column_names) == {"x", *PLACES}
    assert found.column("x").to_pylist() == [1.0, 3.0]
    assert table.read(0, days=[]).num_rows == 0


@pytest.mark.parametrize("version", [1, 99])
def test_a_version_that_was_never_written_is_refused(table, version):
    table.write_days({nth(0): rows(1)})
    with pytest.raises(DataError, match=f"version {version}"):
        table.read(version)


def test_a_lost_file_is_told_and_not_skipped(table, tmp_path):
    table.write_days({nth(0): rows(1)})
    next(tmp_path.rglob("*.parquet")).unlink()
    with pytest.raises(DataError, match="version 0"):
        table.read(0)


def test_an_unknown_column_is_named(table):
    table.write_days({nth(0): rows(1)})
    with pytest.raises(DataError, match="'y'"):
        table.read(0, columns=["y"])


def test_snapshot_digest_depends_on_days_and_content_alone():
    a, b = Partition(nth(0), "a", 1), Partition(nth(1), "b", 1)
    digest = DayTable.snapshot_digest
    assert digest([a, b]) == digest([b, a])
    assert len({digest([a, b]), digest([a]), digest([Partition(nth(0), "b", 1), Partition(nth(1), "a", 1)])}) == 3


# Types


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pa.array([1.5, None], pa.float32()), pa.float32()),
        (pa.array([1, None], pa.int8()), pa.int8()),
        (pa.array([255, None], pa.uint8()), pa.int16()),
        (pa.array([2**32 - 1], pa.uint32()), pa.int64()),
        (pa.array(["a", None], pa.large_string()), pa.string()),
        (pa.array(["a", None], pa.string_view()), pa.string()),
        (pa.array(["a", None, "a"]).dictionary_encode(), pa.string()),
        (pa.array([1, None], pa.date32()), pa.date32()),
        (pa.array([True, None]), pa.bool_()),
        (pa.array([1_000, None], pa.timestamp("ns", "UTC")), pa.timestamp("us", "UTC")),
        (pa.array([1, None], pa.timestamp("s", "America/New_York")), pa.timestamp("us", "UTC")),
        (pa.array([["a"], None], pa.list_(pa.large_string())), pa.list_(pa.string())),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_types_are_kept_or_widened(table, column, kept):
    table.write_days({nth(0): pa.table({"c": column})})
    found = table.read(0).column("c")
    assert found.type == kept or pa.types.is_list(kept)
    assert found.to_pylist() == column.cast(kept).to_pylist()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1], pa.uint64()),
        pa.array([1], pa.timestamp("us")),
        pa.array([1.0], pa.float16()),
        pa.array([1], pa.duration("us")),
        pa.array([1_001], pa.timestamp("ns", "UTC")),
    ],
    ids=lambda column: str(column.type),
)
def test_what_cannot_be_kept_as_it_is_is_refused(table, column):
    with pytest.raises(DataError, match="'c'"):
        table.write_days({nth(0): pa.table({"c": column})})
    assert table.version() is None


def test_a_column_never_changes_its_type_beside_days_that_stay(table):
    """Delta Lake by itself would cast text to whole numbers in silence."""
    table.write_days({nth(0): pa.table({"c": [1]}), nth(1): pa.table({"c": [2]})})
    with pytest.raises(DataError, match="'c' changed its type"):
        table.write_days({nth(0): pa.table({"c": ["3"]})})
    assert table.read(table.version()).column("c").to_pylist() == [1, 2]


def test_all_days_together_may_change_a_type(table):
    table.write_days({nth(0): pa.table({"c": [1]}), nth(1): pa.table({"c": [2]})})
    table.write_days({nth(0): pa.table({"c": ["3"]}), nth(1): pa.table({"c": ["4"]})})
    assert table.read(1).column("c").to_pylist() == ["3", "4"]
    assert table.read(0).column("c").to_pylist() == [1, 2]


def test_a_new_column_is_null_on_older_days_and_a_dropped_one_on_newer(table):
    table.write_days({nth(0): pa.table({"a": [1]})})
    table.write_days({nth(1): pa.table({"b": [2.0]})})
    found = table.read(1).select(["a", "b"]).to_pylist()
    assert found == [{"a": 1, "b": None}, {"a": None, "b": 2.0}]


def test_a_column_without_values_takes_the_type_of_the_other_days(table):
    table.write_days({nth(0): pa.table({"a": ["x"]})})
    table.write_days({nth(1): pa.table({"a": pa.nulls(2)})})
    assert table.read(1).column("a").to_pylist() == ["x", None, None]


def test_days_of_one_write_must_agree_on_types(table):
    with pytest.raises(DataError, match="different types"):
        table.write_days({nth(0): pa.table({"a": ["x"]}), nth(1): pa.table({"a": [1]})})


def test_a_column_without_any_value_or_type_is_refused(table):
    with pytest.raises(DataError, match="'a' has no type"):
        table.write_days({nth(0): pa.table({"a": pa.nulls(2)})})


# Writers beside each other


def test_a_lost_race_is_run_again_from_the_new_state(table, monkeypatch):
    table.write_days({nth(0): rows(1)})
    rival, once = DayTable(table.uri, Files()), []
    commit = DayTable._commit

    def commit_second(self, delta, *arguments, **words):
        if not once:
            once.append(True)
            rival.write_days({nth(1): rows(99), nth(2): rows(5)})
        return commit(self, delta, *arguments, **words)

    monkeypatch.setattr(DayTable, "_commit", commit_second)
    result = table.write_days({nth(1): rows(2), nth(2): rows(5)})
    assert result.written == (nth(1),), "the rival wrote the same rows for the other day"
    assert table.read(result.version).column("id").to_pylist() == ["1", "2", "5"]
    assert result.version == 2


def test_two_first_writers_both_succeed(table, monkeypatch):
    rival, once = DayTable(table.uri, Files()), []
    commit = DayTable._commit

    def commit_second(self, *arguments, **words):
        if not once:
            once.append(True)
            rival.write_days({nth(0): rows(1)})
        return commit(self, *arguments, **words)

    monkeypatch.setattr(DayTable, "_commit", commit_second)
    result = table.write_days({nth(1): rows(2)})
    assert list(result.partitions) == [nth(0), nth(1)]


@pytest.mark.parametrize("round_", range(10))
def test_first_writers_that_meet_never_leave_a_day_twice(table, round_):
    """Delta Lake by itself tries a lost creation again as an append; without our guard two of three rounds show it."""
    barrier = threading.Barrier(2)

    def write(salt):
        barrier.wait()
        table_of_my_own = DayTable(table.uri, Files())
        table_of_my_own.write_days({nth(0): rows(salt), nth(salt): rows(salt)})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (1, 2)))
    assert {day: partition.rows for day, partition in table.partitions().items()} == {nth(0): 1, nth(1): 1, nth(2): 1}


def test_a_writer_that_always_loses_gives_up_with_a_retryable_error(table, monkeypatch):
    monkeypatch.setattr(DayTable, "_commit", lambda *arguments, **words: False)
    monkeypatch.setattr(day_table.time, "sleep", lambda seconds: None)
    with pytest.raises(StoreUnavailableError, match="other writers"):
        table.write_days({nth(0): rows(1)})


def replaced_after_each_commit(monkeypatch, rival, times):
    """After our commit and before we look again, a rival replaces day 0; the writes of the rival are left alone."""
    commit, done = DayTable._commit, []

    def commit_first(self, *arguments, **words):
        committed = commit(self, *arguments, **words)
        if self is not rival and len(done) < times:
            done.append(True)
            rival.write_days({nth(0): rows(90 + len(done))})
        return committed

    monkeypatch.setattr(DayTable, "_commit", commit_first)
    monkeypatch.setattr(day_table.time, "sleep", lambda seconds: None)


def test_a_day_replaced_right_after_the_commit_is_written_again(table, monkeypatch):
    table.write_days({nth(0): rows(0)})
    replaced_after_each_commit(monkeypatch, DayTable(table.uri, Files()), times=1)
    result = table.write_days({nth(0): rows(1), nth(1): rows(2)})
    assert result.partitions[nth(0)].digest == digest_table(rows(1)), "callers remember this digest as that of their rows"
    assert result.written == (nth(0), nth(1)), "days of an earlier attempt count"
    assert table.read(result.version).column("id").to_pylist() == ["1", "2"]


def test_a_day_kept_as_it_was_and_replaced_meanwhile_is_written_again(table, monkeypatch):
    table.write_days({nth(0): rows(1)})
    replaced_after_each_commit(monkeypatch, DayTable(table.uri, Files()), times=1)
    result = table.write_days({nth(0): rows(1), nth(1): rows(2)})
    assert result.partitions[nth(0)].digest == digest_table(rows(1))


def test_a_removed_day_that_came_back_right_after_is_removed_again(table, monkeypatch):
    table.write_days({nth(0): rows(0), nth(1): rows(2)})
    replaced_after_each_commit(monkeypatch, DayTable(table.uri, Files()), times=1)
    assert list(table.write_days({nth(0): rows()}).partitions) == [nth(1)]


def test_a_rival_that_always_replaces_the_day_is_a_retryable_error(table, monkeypatch):
    table.write_days({nth(0): rows(0)})
    replaced_after_each_commit(monkeypatch, DayTable(table.uri, Files()), times=day_table.MAX_ATTEMPTS)
    with pytest.raises(StoreUnavailableError, match="other writers"):
        table.write_days({nth(0): rows(1)})


WRITER = """
import sys
from datetime import date, timedelta
import pyarrow as pa
from evergreen.files import Files
from evergreen.tables.day_table import DayTable

salt, table = int(sys.argv[2]), DayTable(sys.argv[1], Files())
day = lambda number: date(2013, 1, 1) + timedelta(days=number)
rows = lambda *values: pa.table({"id": [str(value) for value in values], "x": pa.array(values, pa.float64())})
for number in range(6):
    table.write_days({day(number): rows(number, salt), day(10 + salt): rows(number)})
"""


def test_processes_write_the_same_days_without_corrupting_them(table):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, table.uri, str(salt)]) for salt in (1, 2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    partitions = table.partitions()
    assert list(partitions) == [nth(n) for n in (*range(6), 11, 12)]
    found = table.read(table.version())
    for day, partition in partitions.items():
        mine = found.filter(pc.equal(found.column(DAY), pa.scalar(day))).select(["id", "x"])
        assert digest_table(mine) == partition.digest, "rows are those that the log promises"


# How it is kept


def test_nothing_expires_by_itself(table, tmp_path):
    table.write_days({nth(0): rows(1)})
    log = next(tmp_path.rglob("00000000000000000000.json")).read_text().splitlines()
    configuration = next(json.loads(line)["metaData"]["configuration"] for line in log if "metaData" in line)
    assert configuration["delta.enableExpiredLogCleanup"] == "false"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 36500 days"
    assert configuration["delta.logRetentionDuration"] == "interval 36500 days"


def test_vacuum_keeps_what_old_versions_need(table):
    import deltalake

    table.write_days({nth(0): rows(1)})
    table.write_days({nth(0): rows(2)})
    assert deltalake.DeltaTable(table.uri).vacuum(dry_run=False) == []
    assert table.read(0).column("id").to_pylist() == ["1"]


def test_checkpoints_are_made(table, tmp_path):
    for number in range(25):
        table.write_days({nth(number): rows(number)})
    assert [path.name for path in tmp_path.rglob("*.checkpoint.parquet")] == ["00000000000000000019.checkpoint.parquet"]
    assert table.read(3).num_rows == 4, "versions before the checkpoint stay readable"


def test_days_are_partitions_named_by_digest(table, tmp_path):
    table.write_days({nth(0): rows(1)})
    path = str(next(tmp_path.rglob("*.parquet")))
    assert re.search(rf"/_day=2013-01-01/_digest={digest_table(rows(1))}/[^/]+\.parquet$", path)


def test_a_second_digest_for_a_day_is_refused(table):
    import deltalake

    table.write_days({nth(0): rows(1)})
    foreign = table.read(0).set_column(0, "id", pa.array(["2"]))
    foreign = foreign.set_column(foreign.schema.get_field_index(DAY), DAY, pa.array([nth(0).isoformat()]))
    foreign = foreign.set_column(foreign.schema.get_field_index(DIGEST), DIGEST, pa.array(["f" * 32]))
    deltalake.write_deltalake(table.uri, foreign, mode="append")
    with pytest.raises(DataError, match="2013-01-01"):
        table.partitions()


def test_files_that_no_longer_tell_the_rows_are_refused(table):
    """With deletion vectors, reading the files alone would bring deleted rows back."""
    import deltalake

    table.write_days({nth(0): rows(1)})
    deltalake.DeltaTable(table.uri).alter.add_feature(deltalake.TableFeatures.DeletionVectors, True)
    with pytest.raises(DataError, match="no longer tell"):
        table.read(1)
    assert table.read(0).num_rows == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nights=st.lists(
        st.dictionaries(st.integers(0, 4), st.lists(st.integers(-5, 5), max_size=3), min_size=1, max_size=3), max_size=5
    )
)
def test_every_version_is_what_was_written_up_to_it(tmp_path_factory, nights):
    table = DayTable(str(tmp_path_factory.mktemp("table")), Files())
    expected, versions = {}, {}
    for night in nights:
        result = table.write_days({nth(number): rows(*values) for number, values in night.items()})
        expected = {**expected, **night}
        versions[result.version] = {number: values for number, values in expected.items() if values}
    for version, days in versions.items():
        found = table.read(version)
        assert found.column("x").to_pylist() == [float(value) for number in sorted(days) for value in days[number]]
        assert {p.day: p.rows for p in table.partitions(version).values()} == {nth(n): len(v) for n, v in days.items()}


def test_moments_survive_to_the_microsecond(table):
    moment = datetime.fromisoformat("2013-01-01T05:17:00.123456+00:00")
    table.write_days({nth(0): pa.table({"at": pa.array([moment], pa.timestamp("us", "UTC"))})})
    assert table.read(0).column("at").to_pylist() == [moment]


def test_not_a_number_is_kept_as_it_is(table):
    """Tables of measurements may hold NaN; it is ingest that takes it as missing."""
    table.write_days({nth(0): pa.table({"x": pa.array([np.nan, None, 1.0])})})
    assert str(table.read(0).column("x").to_pylist()) == "[nan, None, 1.0]"
