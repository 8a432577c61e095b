"""No version that is still named, or was the newest not long ago, ever loses a file."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.errors import DataError
from evergreen.files import Files
from evergreen.tables.day_table import DayTable
from evergreen.tables.served_table import ServedTable
from evergreen.tables.table_files import read_history, unneeded_files

FILES = Files()
LATER = timedelta(seconds=1)


def rows(number):
    return pa.table({"amount": [number, number + 1]})


def clear(table, pinned, before):
    """Remove what is not needed, and return how much that was."""
    history = read_history(table.uri, FILES)
    gone = unneeded_files(history, pinned, FILES.list(table.uri), before=before)
    for info in gone:
        FILES.remove(info.uri)
    return len(gone)


@pytest.mark.parametrize("seed", range(8))
def test_every_version_that_is_named_or_was_lately_the_newest_stays_as_it_is(tmp_path, seed):
    chance = random.Random(seed)
    table = DayTable(str(tmp_path / "t"), FILES)
    for number in range(12):
        days = chance.sample(range(1, 6), chance.randint(1, 3))
        table.write_days({date(2024, 1, day): rows(number if chance.random() < 0.8 else 0) for day in days})
    versions = range(table.version() + 1)
    before = {version: table.read(version) for version in versions}
    moments = read_history(table.uri, FILES).committed_at
    moment = chance.choice([*moments, datetime.now(UTC) + LATER])
    pinned = set(chance.sample(versions, chance.randint(0, 3)))
    clear(table, pinned, moment)
    newest_lately = {version for version in versions if version == versions[-1] or moments[version + 1] >= moment}
    for version in pinned | newest_lately:
        assert table.read(version).equals(before[version]), version


def test_a_replaced_day_goes_and_an_unchanged_one_stays(tmp_path):
    table = DayTable(str(tmp_path / "t"), FILES)
    table.write_days({date(2024, 1, 1): rows(1), date(2024, 1, 2): rows(2)})
    table.write_days({date(2024, 1, 1): rows(3)})
    assert clear(table, {0}, datetime.now(UTC) + LATER) == 0
    assert clear(table, set(), datetime.now(UTC) + LATER) == 1
    assert table.read(1).num_rows == 4
    with pytest.raises(DataError):
        table.read(0)


def test_nothing_young_goes_not_even_what_no_version_has(tmp_path):
    table = DayTable(str(tmp_path / "t"), FILES)
    table.write_days({date(2024, 1, 1): rows(1)})
    orphan = tmp_path / "t" / "_day=2024-01-01" / "_digest=abc" / "part-0.parquet"
    FILES.write_bytes(str(orphan), b"half a file of a writer that died")
    assert clear(table, set(), datetime.now(UTC) - timedelta(hours=1)) == 0
    assert clear(table, set(), datetime.now(UTC) + LATER) == 1
    assert not orphan.exists()
    assert table.read(0).num_rows == 2


def test_answers_that_were_put_together_are_still_all_there(tmp_path):
    table = ServedTable(str(tmp_path / "t"), FILES)
    for number in range(1, 61):
        one = pa.table({"_day": ["2024-01-01"], "answered_at": [datetime(2024, 1, 1, tzinfo=UTC)], "key": [str(number)]})
        table.append(one, sender="worker", number=number)
    while table.compact():
        pass
    assert clear(table, set(), datetime.now(UTC) + LATER) == 60
    version = table.version()
    assert table.read(version, list(table.rows_by_day(version)), ["key"]).num_rows == 60
    assert table.shipped("worker") == 60


@pytest.mark.parametrize("damage", ["a missing commit", "no moment", "a deletion vector", "a file elsewhere"])
def test_of_a_log_that_is_not_as_we_write_it_nothing_is_concluded(tmp_path, damage):
    table = DayTable(str(tmp_path / "t"), FILES)
    for number in range(3):
        table.write_days({date(2024, 1, 1): rows(number)})
    log = Path(table.uri) / "_delta_log" / f"{1:020d}.json"
    text = log.read_text()
    if damage == "a missing commit":
        log.unlink()
    elif damage == "no moment":
        log.write_text(text.replace('"timestamp"', '"timestand"'))
    elif damage == "a deletion vector":
        log.write_text(text.replace('{"add":{', '{"add":{"deletionVector":{},'))
    else:
        log.write_text(text.replace('"path":"', '"path":"s3://elsewhere/'))
    assert read_history(table.uri, FILES) is None


def test_a_folder_without_a_log_is_no_table(tmp_path):
    assert read_history(str(tmp_path), FILES) is None
