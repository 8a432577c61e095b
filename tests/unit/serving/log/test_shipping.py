"""Every answer of the spool is in the table exactly once, whoever dies and whatever breaks in between."""

import json
import os
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from evergreen.definitions.serving import Serving
from evergreen.errors import StoreUnavailableError
from evergreen.files import Files
from evergreen.serving.log import AnswerSpool, shipping
from evergreen.serving.log.frames import answers_frame
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from evergreen.serving.log.workers import taken_lock
from evergreen.settings import Settings
from evergreen.tables import served_table
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_columns import SERVED
from evergreen.tables.served_table import ServedTable
from logged_answers import MODEL, a_release, an_answer, microseconds


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def a_worker(settings, **options):
    spool = AnswerSpool(spool_folder(settings), **{"limit_bytes": 2**24, "segment_bytes": 1000, **options})
    spool.open_log(MODEL, Serving())
    spool.announce(MODEL, a_release())
    return spool


def say(spool, numbers):
    for number in numbers:
        spool.write(MODEL, [an_answer(number)])


def the_table(settings):
    return ServedTable(served_uri(settings, MODEL), Files())


def shipped(settings, columns=("_key",)):
    table = the_table(settings)
    version = table.version()
    if version is None:
        return []
    rows = table.read(version, table.rows_by_day(version), columns)
    return sorted(rows.column("_key").to_pylist(), key=lambda key: int(key.partition("-")[2]))


def expected(count):
    return [f"row-{number}" for number in range(count)]


def left_over(settings):
    return sorted(path.name for path in spool_folder(settings).glob("*/*/*"))


def test_closed_segments_are_shipped_and_deleted_and_the_open_one_stays(settings):
    spool = a_worker(settings)
    say(spool, range(10))
    spool.tick()
    done = ship_spool(settings)
    assert done.rows == len(shipped(settings)) > 0
    assert done.failures == []
    say(spool, range(10, 12))
    spool.close()
    ship_spool(settings)
    assert shipped(settings) == expected(12)
    assert list(spool_folder(settings).glob("*")) == [spool_folder(settings) / shipping.SHIPPING_LOCK]


def test_a_dead_workers_open_segment_is_shipped_without_its_torn_end(settings):
    spool = a_worker(settings, segment_bytes=10**6)
    say(spool, range(5))
    assert ship_spool(settings).rows == 0, "its owner lives"
    (path,) = spool_folder(settings).glob("*/*/*.open")
    path.write_bytes(path.read_bytes() + bytes(answers_frame([an_answer(5)]))[:-1])
    kill(spool)
    done = ship_spool(settings)
    assert done.cut_bytes > 0
    assert done.damaged == []
    assert shipped(settings) == expected(5)
    assert left_over(settings) == []


def kill(spool):
    """Give up the lock, as the kernel does for a process that dies; nothing else is put in order."""
    os.close(spool._lock_fd)


@pytest.mark.parametrize("dies_at", ["before the commit", "after the commit", "after one of three is deleted"])
def test_a_shipping_that_dies_is_repeated_without_a_row_twice(settings, monkeypatch, dies_at):
    spool = a_worker(settings, segment_bytes=1)
    say(spool, range(3))
    spool.close()
    put_away, append, calls = shipping._put_away, ServedTable.append, []

    def dying_append(self, rows, **delivery):
        if dies_at != "before the commit":
            append(self, rows, **delivery)
        if dies_at != "after one of three is deleted":
            raise KeyboardInterrupt

    def dying_put_away(path, done, *, is_damaged):
        calls.append(path)
        if len(calls) > 1:
            raise KeyboardInterrupt
        put_away(path, done, is_damaged=is_damaged)

    with monkeypatch.context() as patch:
        patch.setattr(ServedTable, "append", dying_append)
        patch.setattr(shipping, "_put_away", dying_put_away)
        with pytest.raises(KeyboardInterrupt):
            ship_spool(settings)
    left = {"before the commit": 3, "after the commit": 3, "after one of three is deleted": 2}[dies_at]
    assert len(left_over(settings)) == left
    done = ship_spool(settings)
    assert shipped(settings) == expected(3)
    assert (done.rows, done.already_there) == ((3, 0) if dies_at == "before the commit" else (0, left))
    assert left_over(settings) == []


def test_later_segments_follow_after_a_shipping_that_died(settings, monkeypatch):
    spool = a_worker(settings, segment_bytes=1)
    say(spool, range(2))
    spool.tick()
    with monkeypatch.context() as patch:
        patch.setattr(shipping, "_put_away", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ship_spool(settings)
    say(spool, range(2, 4))
    spool.tick()
    done = ship_spool(settings)
    assert (done.rows, done.already_there) == (2, 2)
    assert shipped(settings) == expected(4)


def test_a_segment_behind_one_that_is_still_open_waits(settings):
    """Its number would make the table take the open one for delivered."""
    spool = a_worker(settings, segment_bytes=1)
    say(spool, range(3))
    spool.tick()
    (second,) = spool_folder(settings).glob("*/*/00000002.closed")
    second.rename(second.with_suffix(".open"))
    assert ship_spool(settings).rows == 1
    spool.close()
    ship_spool(settings)
    assert shipped(settings) == expected(3)


def test_a_damaged_segment_is_shipped_up_to_the_damage_and_kept(settings):
    spool = a_worker(settings, segment_bytes=10**6)
    say(spool, range(5))
    spool.close()
    (path,) = spool_folder(settings).glob("*/*/*.closed")
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    done = ship_spool(settings)
    assert shipped(settings) == expected(4)
    assert [name.rpartition("/")[2] for name in done.damaged] == ["00000001.damaged"]
    assert ship_spool(settings).rows == 0
    assert left_over(settings) == ["00000001.damaged"]
    state = a_worker(settings).state()
    assert (state.damaged_segments, state.used_bytes, state.waiting_segments) == (1, len(data), 0)


def test_only_one_ships_at_a_time(settings):
    spool = a_worker(settings)
    say(spool, range(5))
    spool.close()
    with taken_lock(spool_folder(settings) / shipping.SHIPPING_LOCK) as ours:
        assert ours
        assert ship_spool(settings) is None
    assert ship_spool(settings).rows == 5


def test_one_table_that_does_not_answer_keeps_no_other_back(settings, monkeypatch):
    spool = a_worker(settings)
    spool.open_log("ships", Serving())
    spool.announce("ships", a_release())
    spool.write("ships", [an_answer(0)])
    say(spool, range(5))
    spool.close()
    append = ServedTable.append

    def fails(self, rows, **delivery):
        if "flights" in self.uri:
            raise StoreUnavailableError("no answer", found="nothing", allowed="an answer", remedy="wait")
        return append(self, rows, **delivery)

    with monkeypatch.context() as patch:
        patch.setattr(ServedTable, "append", fails)
        done = ship_spool(settings)
    assert done.rows == 1
    assert [failure.partition(":")[0] for failure in done.failures] == ["flights"]
    assert ship_spool(settings).rows == 5


def test_numbers_of_deliveries_outlive_checkpoints(settings):
    """A checkpoint of the table's log must keep who delivered what."""
    spool = a_worker(settings, segment_bytes=1)
    for number in range(45):
        say(spool, [number])
        spool.tick()
        assert ship_spool(settings).rows == 1
    table = the_table(settings)
    sender = f"evergreen-gateway/{spool.folder.name}"
    assert (table.shipped(sender), table.shipped("nobody")) == (45, 0)
    assert list((spool_folder(settings).parents[1] / "tables" / MODEL / "served" / "_delta_log").glob("*.checkpoint.parquet"))
    assert not table.append(served_rows([an_answer(1)], {a_release().bundle_digest: a_release()}), sender=sender, number=45)
    assert shipped(settings) == expected(45)


def test_files_of_a_day_are_put_together_and_say_the_same(settings, monkeypatch):
    monkeypatch.setattr(served_table, "COMPACTED_FROM", 4)
    spool = a_worker(settings, segment_bytes=1)
    for number in range(9):
        say(spool, [number])
        spool.tick()
        ship_spool(settings)
    spool.close()
    table = the_table(settings)
    version = table.version()
    assert table.rows_by_day(version) == {date(2013, 4, 2): 9}
    assert shipped(settings) == expected(9)
    assert len(served_table._files_of(table._open())) < 9
    assert version > 8
    assert sum(table.rows_by_day(3).values()) == 4, "older versions stay readable"


def test_rows_say_what_the_records_said(settings):
    answers = [an_answer(number) for number in range(3)]
    rows = served_rows(answers, {a_release().bundle_digest: a_release()})
    assert dict(zip(rows.schema.names, rows.schema.types, strict=True)) == dict(SERVED) | {
        "_day": pa.string(),
        "number_distance": pa.float64(),
        "number_temp": pa.float64(),
        "text_carrier": pa.string(),
        "text_hour": pa.string(),
    }
    row = rows.to_pylist()[1]
    assert row["_event_time"] == datetime(2013, 4, 2, 12, 1, tzinfo=UTC)
    assert row["_prediction_time"] == datetime(2013, 4, 2, 10, 1, tzinfo=UTC)
    assert row["_answered_at"] == datetime(2013, 4, 2, 9, 1, tzinfo=UTC)
    assert (row["number_distance"], row["number_temp"], row["text_carrier"], row["text_hour"]) == (1.0, None, "ü&", None)
    expected_inputs = {"id": "row-1", "distance": 1, "carrier": "ü&", "at": "2013-04-02T12:01:00Z", "none": None}
    assert json.loads(row["inputs"]) == expected_inputs


def test_the_day_is_the_local_one(settings):
    late = an_answer(0, event_time_us=microseconds(datetime(2013, 4, 3, 3, 59, tzinfo=UTC)))
    early = an_answer(1, event_time_us=microseconds(datetime(2013, 4, 3, 4, 0, tzinfo=UTC)))
    rows = served_rows([late, early], {a_release().bundle_digest: a_release()})
    assert rows.column("_day").to_pylist() == ["2013-04-02", "2013-04-03"]


def test_releases_with_other_features_share_a_table(settings):
    """What one release calls a number may be text to the next."""
    spool = a_worker(settings)
    spool.announce(MODEL, a_release("c" * 32, numeric=("carrier",), categorical=("distance",)))
    spool.write(MODEL, [an_answer(0), an_answer(1, bundle_digest="c" * 32, features=[3.5, "far"])])
    spool.close()
    assert ship_spool(settings).failures == []
    table = the_table(settings)
    names = ("_key", "number_carrier", "number_distance", "text_carrier", "text_distance")
    rows = table.read(table.version(), [date(2013, 4, 2)], names).sort_by("_key").select(names).to_pylist()
    assert [list(row.values())[1:] for row in rows] == [[None, 0.0, "ü&", None], [3.5, None, None, "far"]]
