import itertools
import math
import struct
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.digests import DIGEST_LENGTH, digest_bytes, digest_json, digest_table

COLUMNS = {
    "text": pa.array(["a", None, "", "äöü"], pa.string()),
    "bytes": pa.array([b"a", None, b"", b"\xff"], pa.binary()),
    "whole": pa.array([1, None, 0, -3], pa.int64()),
    "small": pa.array([1, None, 0, 3], pa.uint8()),
    "decimal": pa.array([1.5, None, math.inf, -0.25], pa.float64()),
    "truth": pa.array([True, None, False, True], pa.bool_()),
    "moment": pa.array([datetime(2013, 3, 10, 7), None, datetime(1970, 1, 1), datetime(2013, 1, 1)], pa.timestamp("us", "UTC")),
    "day": pa.array([date(2013, 3, 10), None, date(1970, 1, 1), date(2013, 1, 1)], pa.date32()),
    "exact": pa.array([Decimal("1.50"), None, Decimal("0.00"), Decimal("2.25")], pa.decimal128(10, 2)),
    "listed": pa.array([[1], None, [], [2, 3]], pa.list_(pa.int64())),
    "nothing": pa.nulls(4),
}
TABLE = pa.table(COLUMNS)


def test_a_digest_is_short_hexadecimal_text():
    for digest in (digest_bytes(b""), digest_json({}), digest_table(TABLE)):
        assert len(digest) == DIGEST_LENGTH
        assert int(digest, 16) >= 0


def test_json_does_not_depend_on_the_order_of_keys_and_refuses_nan():
    assert digest_json({"a": 1, "b": [1, 2]}) == digest_json({"b": [1, 2], "a": 1}) != digest_json({"a": 1, "b": [2, 1]})
    with pytest.raises(ValueError, match="Out of range"):
        digest_json({"a": math.nan})


def test_the_order_of_columns_does_not_count():
    assert digest_table(TABLE.select(sorted(COLUMNS, reverse=True))) == digest_table(TABLE)


@given(st.lists(st.integers(0, 4), max_size=4))
def test_chunking_does_not_count(cuts):
    edges = [0, *sorted(cuts), 4]
    chunked = pa.concat_tables([TABLE.slice(start, end - start) for start, end in itertools.pairwise(edges)])
    assert digest_table(chunked) == digest_table(TABLE)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text", pa.large_string()),
        ("text", pa.string_view()),
        ("text", pa.dictionary(pa.int32(), pa.string())),
        ("text", pa.dictionary(pa.int8(), pa.large_string())),
        ("bytes", pa.large_binary()),
        ("bytes", pa.binary_view()),
    ],
)
def test_the_encoding_of_text_does_not_count(name, kind):
    assert digest_table(pa.table({name: COLUMNS[name].cast(kind)})) == digest_table(pa.table({name: COLUMNS[name]}))


def test_the_order_of_a_dictionary_does_not_count():
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", "b"]))
    other = pa.DictionaryArray.from_arrays(pa.array([2, 0, 1]), pa.array(["b", None, "a"]))
    assert digest_table(pa.table({"x": one})) == digest_table(pa.table({"x": other}))


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.timestamp("us")])
def test_what_lies_under_a_null_does_not_count(kind):
    def with_payload(payload):
        data = pa.py_buffer(np.array([7, payload], dtype="<i8").tobytes())
        return pa.table({"x": pa.Array.from_buffers(kind, 2, [pa.py_buffer(b"\x01"), data])})

    assert with_payload(1)["x"].null_count == 1
    assert digest_table(with_payload(1)) == digest_table(with_payload(99))


def test_text_under_a_null_does_not_count():
    offsets = pa.py_buffer(np.array([0, 1, 2], dtype="<i4").tobytes())
    texts = [
        pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x01"), offsets, pa.py_buffer(data)]) for data in (b"ab", b"ax")
    ]
    assert digest_table(pa.table({"x": texts[0]})) == digest_table(pa.table({"x": texts[1]}))


def test_every_nan_is_the_same_and_none_is_a_null():
    quiet, other = np.array([math.nan]), np.frombuffer(struct.pack("<Q", 0xFFF8000000000123))
    assert digest_table(pa.table({"x": quiet})) == digest_table(pa.table({"x": other}))
    assert digest_table(pa.table({"x": quiet})) != digest_table(pa.table({"x": pa.array([None], pa.float64())}))


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "nothing"])
def test_a_null_is_not_the_zero_of_its_type(name):
    filled = COLUMNS[name].to_pylist()
    filled[1] = filled[2]
    assert digest_table(pa.table({name: pa.array(filled, COLUMNS[name].type)})) != digest_table(pa.table({name: COLUMNS[name]}))


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "nothing"])
def test_the_order_of_rows_counts(name):
    assert digest_table(pa.table({name: COLUMNS[name].take([2, 1, 0, 3])})) != digest_table(pa.table({name: COLUMNS[name]}))


def test_names_types_and_borders_of_text_count():
    digests = [
        digest_table(table)
        for table in (
            pa.table({"a": pa.array([1], pa.int64())}),
            pa.table({"b": pa.array([1], pa.int64())}),
            pa.table({"a": pa.array([1], pa.int32())}),
            pa.table({"a": pa.array([1.0])}),
            pa.table({"a": pa.array(["1"])}),
            pa.table({"a": pa.array(["ab", "c"])}),
            pa.table({"a": pa.array(["a", "bc"])}),
            pa.table({"a": pa.array([], pa.int64())}),
            pa.table({}),
        )
    ]
    assert len(set(digests)) == len(digests)


def test_no_rows_have_a_digest_with_and_without_chunks():
    empty = TABLE.schema.empty_table()
    assert digest_table(empty) == digest_table(TABLE.slice(0, 0))
    assert digest_table(empty) == digest_table(pa.Table.from_batches([], schema=TABLE.schema))
