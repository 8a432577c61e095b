"""Answers reach the table `served` exactly once, on a local folder and on S3."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from evergreen.definitions.serving import Serving
from evergreen.errors import StoreUnavailableError
from evergreen.files import Files
from evergreen.serving.log import AnswerSpool
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from evergreen.settings import Settings
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from logged_answers import MODEL, a_release, an_answer

TESTS = Path(__file__).parents[1]


def at(store, home):
    return Settings(home=home, tables_uri=store.root, s3_endpoint_url=store.s3_endpoint_url)


def rows_of(*numbers):
    return served_rows([an_answer(number) for number in numbers], {a_release().bundle_digest: a_release()})


def found(settings):
    table = ServedTable(served_uri(settings, MODEL), Files.from_settings(settings))
    version = table.version()
    return Counter(table.read(version, table.rows_by_day(version), ["_key"]).column("_key").to_pylist())


def once(*numbers):
    return {f"row-{number}": 1 for number in numbers}


def test_a_delivery_is_in_the_table_once_however_often_it_is_made(store, tmp_path):
    settings = at(store, tmp_path)
    table = ServedTable(served_uri(settings, MODEL), Files.from_settings(settings))
    assert (table.version(), table.rows_by_day(), table.shipped("a")) == (None, {}, 0)
    assert table.append(rows_of(0, 1), sender="a", number=3)
    assert not table.append(rows_of(0, 1), sender="a", number=3)
    assert not table.append(rows_of(0), sender="a", number=2)
    assert table.append(rows_of(2), sender="b", number=1)
    assert table.append(rows_of(3), sender="a", number=4)
    assert (table.shipped("a"), table.shipped("b"), table.shipped("c")) == (4, 1, 0)
    assert found(settings) == once(0, 1, 2, 3)


def test_an_old_version_stays_as_it_was(store, tmp_path):
    settings = at(store, tmp_path)
    table = ServedTable(served_uri(settings, MODEL), Files.from_settings(settings))
    table.append(rows_of(0, 1), sender="a", number=1)
    old = table.version()
    table.append(rows_of(2), sender="a", number=2)
    assert [sum(table.rows_by_day(version).values()) for version in (old, table.version())] == [2, 3]
    assert table.read(old, table.rows_by_day(), ["_key"]).num_rows == 2
    assert table.has_version(old)
    assert not table.has_version(99)


WRITER = """
import sys
from pathlib import Path
from contracts.test_answer_shipping import at, rows_of
from object_store import Store
from evergreen.files import Files
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable

root, endpoint, sender, first = sys.argv[1:]
settings = at(Store(root, endpoint), Path("/nowhere"))
table = ServedTable(served_uri(settings, "flights"), Files.from_settings(settings))
for number in range(1, 6):
    table.append(rows_of(int(first) + number), sender=sender, number=number)
"""


@pytest.mark.parametrize("senders", [("one", "two"), ("same", "same")])
def test_two_processes_deliver_at_once(store, tmp_path, senders):
    """Two machines with a log of their own, or two that hold the same one: neither loses a row or has one twice."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    are_same = senders[0] == senders[1]
    firsts = ("0", "0" if are_same else "100")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, store.root, store.s3_endpoint_url, *each], env=environment)
        for each in zip(senders, firsts, strict=True)
    ]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    assert found(at(store, tmp_path)) == once(*range(1, 6), *(() if are_same else range(101, 106)))


def test_a_spool_is_shipped_where_the_tables_are(store, tmp_path):
    settings = at(store, tmp_path)
    spool = AnswerSpool(spool_folder(settings), limit_bytes=2**24, segment_bytes=1000)
    spool.open_log(MODEL, Serving())
    spool.announce(MODEL, a_release())
    for number in range(20):
        spool.write(MODEL, [an_answer(number)])
    spool.tick()
    first = ship_spool(settings)
    spool.close()
    second = ship_spool(settings)
    assert first.rows + second.rows == 20
    assert first.failures == second.failures == []
    assert found(settings) == once(*range(20))


def test_a_store_that_is_away_loses_nothing(store, tmp_path, s3_endpoint):
    away = Settings(home=tmp_path, tables_uri="s3://no-such-bucket-here", s3_endpoint_url=s3_endpoint)
    spool = AnswerSpool(spool_folder(away), limit_bytes=2**24)
    spool.open_log(MODEL, Serving())
    spool.announce(MODEL, a_release())
    spool.write(MODEL, [an_answer(0), an_answer(1)])
    spool.close()
    assert len(ship_spool(away).failures) == 1
    with pytest.raises(StoreUnavailableError, match="no-such-bucket-here"):
        ServedTable(served_uri(away, MODEL), Files.from_settings(away)).append(rows_of(0), sender="a", number=1)
    settings = at(store, tmp_path)
    assert ship_spool(settings).rows == 2
    assert found(settings) == once(0, 1)


@pytest.mark.parametrize("before", [0, 1])
def test_a_delivery_that_somebody_else_makes_meanwhile_is_not_made_twice(store, tmp_path, monkeypatch, before):
    """Two shippers have looked and found it missing. `before`: how many deliveries they saw; at 0 the table is to be made."""
    settings = at(store, tmp_path)
    ours, theirs = (ServedTable(served_uri(settings, MODEL), Files.from_settings(settings)) for _ in range(2))
    if before:
        theirs.append(rows_of(0), sender="a", number=1)
    seen, look = [ours._open()], ours._open
    assert theirs.append(rows_of(1), sender="a", number=2)
    monkeypatch.setattr(ours, "_open", lambda version=None: seen.pop() if seen else look(version))
    assert not ours.append(rows_of(1), sender="a", number=2)
    assert seen == []
    assert found(settings) == once(*range(1 - before, 2))
