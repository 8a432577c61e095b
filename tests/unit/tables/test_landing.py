"""Which files belong to which day, and their rows."""

import logging
from datetime import date

import pyarrow as pa
import pytest

from evergreen.errors import LandingError
from evergreen.files import FileInfo, Files
from evergreen.tables.day_table import REFERENCE_DAY
from evergreen.tables.landing import find_days, read_days
from evergreen.tables.listing import KnownDay, known_files, load_listing, same_files, save_listing

DAY = date(2013, 1, 31)


def names(pattern: str, *paths: str) -> dict[date, list[str]]:
    listing = [FileInfo(f"/landing/m/{path}", 1, 1) for path in sorted(paths)]
    found = find_days(listing, "/landing/m", pattern)
    return {day: [info.uri.removeprefix("/landing/m/") for info in landed.files] for day, landed in found.items()}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{day}.csv", "2013-01-31.csv"),
        ("t/{day}.parquet", "t/2013-01-31.parquet"),
        ("t/day={day}/part-*.parquet", "t/day=2013-01-31/part-0.parquet"),
        ("t/{day}/*.jsonl", "t/2013-01-31/anything.jsonl"),
        ("*/{day}.csv", "north/2013-01-31.csv"),
        ("t/{day}/rows-{day}.csv", "t/2013-01-31/rows-2013-01-31.csv"),
        ("a+b (c)/{day}.csv", "a+b (c)/2013-01-31.csv"),
    ],
)
def test_a_day_is_found(pattern, path):
    assert names(pattern, path) == {DAY: [path]}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("t/{day}.parquet", "t/2013-01-31-copy.parquet"),
        ("t/{day}.parquet", "t/2013-01-31.parquet.tmp"),
        ("t/{day}.parquet", "u/t/2013-01-31.parquet"),
        ("t/{day}.parquet", "t/2013-02-30.parquet"),
        ("t/{day}.parquet", "t/20130131.parquet"),
        ("t/{day}/*.csv", "t/2013-01-31/deeper/a.csv"),
        ("t/{day}/*.csv", "t/2013-01-31/_half.csv"),
        ("t/{day}/*.csv", "t/2013-01-31/.hidden.csv"),
        ("t/{day}/rows-{day}.csv", "t/2013-01-31/rows-2013-02-01.csv"),
    ],
)
def test_what_is_not_meant_is_not_read(pattern, path):
    assert names(pattern, path) == {}


def test_a_day_that_is_none_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        names("{day}.csv", "2013-02-30.csv")
    assert "2013-02-30.csv" in caplog.text


def test_parts_of_a_day_come_in_name_order():
    assert names("{day}/*.csv", "2013-01-31/b.csv", "2013-01-31/a.csv") == {DAY: ["2013-01-31/a.csv", "2013-01-31/b.csv"]}


def test_a_pattern_without_day_is_a_reference_table():
    assert names("planes.parquet", "planes.parquet", "old/planes.parquet") == {REFERENCE_DAY: ["planes.parquet"]}


@pytest.fixture
def land(tmp_path):
    def write(**contents: str) -> list:
        for name, content in contents.items():
            (tmp_path / f"{name}.csv").write_text(content)
        return list(find_days(Files().list(str(tmp_path)), str(tmp_path), "{day}*.csv").values())

    return lambda **contents: write(**{f"2013-01-31{name}": content for name, content in contents.items()})


def test_several_files_of_a_day_follow_each_other(land):
    days = land(b="k,x\nb,2\n", a="x,k\n1,a\n")
    found = read_days(days, Files(), {"k": "string", "x": "integer"}, moments=())
    assert found[DAY].to_pylist() == [{"k": "a", "x": 1}, {"k": "b", "x": 2}]


def test_every_broken_file_is_told_at_once(land):
    days = land(a="k\n1\n", b="", c="k,x\na,b\n")
    with pytest.raises(LandingError, match="3 landing files") as caught:
        read_days(days, Files(), {"k": "string", "x": "integer"}, moments=())
    for name in ("31a.csv", "31b.csv", "31c.csv"):
        assert name in caught.value.found


def test_many_broken_files_are_told_in_bounds(land):
    days = land(**{f"n{number:03}": "" for number in range(200)})
    with pytest.raises(LandingError, match="and 190 more") as caught:
        read_days(days, Files(), {"k": "string"}, moments=())
    assert len(str(caught.value)) < 5000


def test_extra_columns_stay_out_and_are_told(land, caplog):
    with caplog.at_level(logging.WARNING):
        found = read_days(land(a="k,secret\n1,2\n"), Files(), {"k": "string"}, moments=())
    assert found[DAY].column_names == ["k"]
    assert "secret" in caplog.text


def test_without_a_contract_all_files_together_make_it(land):
    found = read_days(land(a="k,x\na,1\n", b="k,x\nb,1.5\n"), Files(), {}, moments=())
    assert found[DAY].schema == pa.schema([("k", pa.string()), ("x", pa.float64())])


def test_without_a_contract_a_file_that_lacks_a_column_is_refused(land):
    with pytest.raises(LandingError, match="'x' is missing"):
        read_days(land(a="k,x\na,1\n", b="k\nb\n"), Files(), {}, moments=())


def test_a_file_that_vanishes_is_a_landing_error(land, tmp_path):
    days = land(a="k\na\n")
    (tmp_path / "2013-01-31a.csv").unlink()
    with pytest.raises(LandingError, match="vanished"):
        read_days(days, Files(), {"k": "string"}, moments=())


# The memory of what was read

INFO = FileInfo("/landing/a.csv", 10, 1_000)


def test_a_listing_is_found_under_its_contract_alone(tmp_path):
    uri = str(tmp_path / "t.json")
    assert load_listing(Files(), uri, "c") == {}
    known = {DAY: KnownDay(day=DAY, files=known_files([INFO]), digest="d")}
    save_listing(Files(), uri, "c", known)
    assert load_listing(Files(), uri, "c") == known
    assert load_listing(Files(), uri, "other") == {}


@pytest.mark.parametrize("damaged", ["", "{", '{"contract": "c"', '{"contract": "c", "days": [1]}'])
def test_a_damaged_listing_is_forgotten(tmp_path, damaged):
    (tmp_path / "t.json").write_text(damaged)
    assert load_listing(Files(), str(tmp_path / "t.json"), "c") == {}


@pytest.mark.parametrize(
    "now",
    [
        [],
        [FileInfo("/landing/b.csv", 10, 1_000)],
        [FileInfo("/landing/a.csv", 11, 1_000)],
        [FileInfo("/landing/a.csv", 10, 1_001)],
        [INFO, INFO],
    ],
)
def test_any_difference_makes_a_day_new(now):
    known = KnownDay(day=DAY, files=known_files([INFO]), digest="d")
    assert same_files(known, [INFO])
    assert not same_files(known, now)


def test_a_file_too_young_to_be_told_from_its_replacement_is_not_remembered(monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: 10 * 10**9)
    assert known_files([FileInfo("a", 1, 8 * 10**9)]) is not None
    assert known_files([INFO, FileInfo("a", 1, 8 * 10**9 + 1)]) is None
