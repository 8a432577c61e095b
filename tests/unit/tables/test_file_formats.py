"""The bytes of one file: rows, or an error that says what is wrong with them."""

import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.errors import LandingError
from evergreen.tables.file_formats import read_file


def parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


TABLE = pa.table({"a": ["x", None], "b": [1, 2]})


def test_parquet():
    assert read_file(parquet(TABLE), "f.parquet").equals(TABLE)


def test_parquet_without_rows_is_a_table():
    assert read_file(parquet(TABLE.slice(0, 0)), "f.parquet").num_rows == 0


def test_csv_is_text_and_only_an_unquoted_nothing_is_missing():
    found = read_file('a,b,c\nx,1,"two\nlines"\n,"",é\n'.encode(), "f.csv")
    assert found.to_pylist() == [{"a": "x", "b": "1", "c": "two\nlines"}, {"a": None, "b": "", "c": "é"}]
    assert set(found.schema.types) == {pa.string()}


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa,b\nx,1\n", b"a,b\r\nx,1\r\n", b"a,b\nx,1"])
def test_csv_as_windows_writes_it(data):
    assert read_file(data, "f.csv").to_pylist() == [{"a": "x", "b": "1"}]


def test_csv_of_a_header_alone_has_no_rows():
    assert read_file(b"a,b\n", "f.csv").num_rows == 0


def test_json_lines_keep_their_types():
    data = b'{"a": "x", "b": 1, "c": true}\n\n{"b": 2.5, "a": null}\n'
    assert read_file(data, "f.jsonl").to_pylist() == [{"a": "x", "b": 1.0, "c": True}, {"a": None, "b": 2.5, "c": None}]


BROKEN = [
    ("f.parquet", b"", "is empty"),
    ("f.csv", b"", "is empty"),
    ("f.jsonl", b"", "is empty"),
    ("f.parquet", parquet(TABLE)[:-20], "cannot be read as Parquet"),
    ("f.parquet", b"a,b\nx,1\n", "cannot be read as Parquet"),
    ("f.csv", "a\nüä\n".encode("latin-1"), "is not in UTF-8"),
    ("f.csv", "a,b\nx,1\n".encode("utf-16"), "is not in UTF-8"),
    ("f.csv", b"a,b\nx,1\ny\n", "cannot be read as CSV"),
    ("f.csv", b"a,b\nx,1,2\n", "cannot be read as CSV"),
    ("f.csv", b"a,b,a\nx,1,2\n", "names a column twice"),
    ("f.jsonl", b'{"a": 1}\n{"a": ', "cannot be read as JSON lines"),
    ("f.jsonl", b'{"a": 1}\n[1]\n', "no object"),
    ("f.jsonl", b'{"a": 1}\n{"a": "x"}\n', "values of different types"),
    ("f.jsonl", b'{"a": 99999999999999999999}\n', "values of different types"),
    ("f.jsonl", b'{"a": "\xff"}\n', "is not in UTF-8"),
]


@pytest.mark.parametrize(("uri", "data", "says"), BROKEN)
def test_broken_files_are_told_by_name(uri, data, says):
    with pytest.raises(LandingError, match=says) as caught:
        read_file(data, uri)
    assert uri in caught.value.found


def test_the_line_of_a_broken_json_is_told():
    with pytest.raises(LandingError, match="line 3"):
        read_file(b'{"a": 1}\n\n{"a": \n', "f.jsonl")


@pytest.mark.parametrize("position", range(0, 800, 37))
def test_damage_anywhere_in_a_parquet_file_is_a_landing_error_or_goes_unseen(position):
    """Parquet pages carry no checksum here, so that values may change; nothing else may come of it."""
    data = bytearray(parquet(pa.table({"a": [f"value {number}" for number in range(200)]})))
    data[position] ^= 0xFF
    with suppress(LandingError):
        read_file(bytes(data), "f.parquet")
