"""Types are checked; only what loses nothing is converted."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from evergreen.errors import LandingError
from evergreen.tables.contract import ARROW_TYPES, conform, contract_of, infer_contract

MOMENT = datetime(2013, 1, 1, 5, tzinfo=UTC)
DAY, FIVE_HOURS = timedelta(days=1), timedelta(hours=5)


def convert(values: pa.Array, kind: str, source: str = "parquet") -> pa.ChunkedArray:
    return conform(pa.table({"c": values}), {"c": kind}, source=source, where="day.parquet").column("c")


def text(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


ACCEPTED = [
    ("string", "parquet", text("a", None), ["a", None]),
    ("string", "parquet", pa.array(["a"], pa.large_string()), ["a"]),
    ("string", "parquet", text("a", "a").dictionary_encode(), ["a", "a"]),
    ("string", "parquet", pa.nulls(2), [None, None]),
    ("string", "csv", text("NA", "", "007"), ["NA", "", "007"]),
    ("integer", "parquet", pa.array([1, None], pa.int8()), [1, None]),
    ("integer", "parquet", pa.array([2**63 - 1], pa.uint64()), [2**63 - 1]),
    ("integer", "parquet", pa.array([1.0, float("nan"), None]), [1, None, None]),
    ("integer", "csv", text("12", " 7 ", "", "NA", "12.0"), [12, 7, None, None, 12]),
    ("integer", "csv", text("9007199254740993"), [2**53 + 1]),
    ("number", "parquet", pa.array([1.5, float("nan"), None]), [1.5, None, None]),
    ("number", "parquet", pa.array([1, 2**53]), [1.0, float(2**53)]),
    ("number", "parquet", pa.array([0.5], pa.float32()), [0.5]),
    ("number", "csv", text("1e3", "-0.5", "nan", "", "NaN"), [1000.0, -0.5, None, None, None]),
    ("boolean", "parquet", pa.array([True, None]), [True, None]),
    ("boolean", "csv", text("true", "False", "1", "0", ""), [True, False, True, False, None]),
    ("boolean", "sql", pa.array([1, 0, None]), [True, False, None]),
    ("timestamp", "parquet", pa.array([MOMENT], pa.timestamp("ns", "UTC")), [MOMENT]),
    ("timestamp", "parquet", pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("s")), [MOMENT]),
    ("timestamp", "parquet", pa.array([MOMENT], pa.timestamp("ms", "America/New_York")), [MOMENT]),
    (
        "timestamp",
        "csv",
        text("2013-01-01T00:00:00-05:00", "2013-01-01 05:00", "2013-01-01T05:00:00Z", ""),
        [MOMENT] * 3 + [None],
    ),
    ("timestamp", "csv", text("2013-01-01T00-05", "2013-01-01 05:00", "2013-01-01T05:00Z"), [MOMENT] * 3),
    ("timestamp", "csv", text("2013-01-02T00:00-05:00", "2013-01-02"), [MOMENT + DAY, MOMENT + DAY - FIVE_HOURS]),
    ("timestamp", "csv", text("2013-01-01T05:00:00.000001Z"), [MOMENT + timedelta(microseconds=1)]),
    ("timestamp", "jsonl", text("2013-01-01T06:00:00+01:00", None), [MOMENT, None]),
    ("timestamp", "sql", text("2013-01-01 05:00:00.000000"), [MOMENT]),
]


@pytest.mark.parametrize(("kind", "source", "values", "expected"), ACCEPTED)
def test_accepted(kind, source, values, expected):
    found = convert(values, kind, source)
    assert found.type == ARROW_TYPES[kind]
    assert found.to_pylist() == expected


REFUSED = [
    ("string", "parquet", pa.array([1]), "int64, such as 1"),
    ("string", "jsonl", pa.array([True]), "bool"),
    ("integer", "parquet", text("1"), "string, such as '1'"),
    ("integer", "parquet", pa.array([1.5, 2.0]), "1.5"),
    ("integer", "parquet", pa.array([2**63], pa.uint64()), "uint64"),
    ("integer", "parquet", pa.array([True]), "bool"),
    ("integer", "csv", text("7", "1,200 mi"), "'1,200 mi'"),
    ("integer", "csv", text("0.5"), "'0.5'"),
    ("integer", "csv", text("12.0", "9007199254740993"), "9007199254740993"),
    ("integer", "csv", text("99999999999999999999"), "99999999999999999999"),
    ("number", "parquet", text("1.5", "n/a"), "string, such as '1.5'"),
    ("number", "parquet", pa.array([2**53 + 1]), "round"),
    ("number", "parquet", pa.array([False]), "bool"),
    ("number", "parquet", pa.array([MOMENT]), "timestamp"),
    ("number", "csv", text("1.5", "12,5"), "'12,5'"),
    ("boolean", "parquet", pa.array([1, 0]), "int64"),
    ("boolean", "sql", pa.array([1, 2]), "int64"),
    ("boolean", "csv", text("yes"), "'yes'"),
    ("timestamp", "parquet", text("2013-01-01"), "string"),
    ("timestamp", "parquet", pa.array([1357016400]), "int64"),
    ("timestamp", "parquet", pa.array([10**14], pa.timestamp("s")), "out of range"),
    ("timestamp", "csv", text("01/02/2013"), "'01/02/2013'"),
    ("timestamp", "csv", text("2013-02-30T00:00"), "'2013-02-30T00:00'"),
    ("timestamp", "csv", text("2013-01-01T05:00:00Z", "2013-13-01"), "'2013-13-01'"),
    ("timestamp", "jsonl", text("yesterday"), "'yesterday'"),
]


@pytest.mark.parametrize(("kind", "source", "values", "says"), REFUSED)
def test_refused_with_what_was_found(kind, source, values, says):
    with pytest.raises(LandingError) as caught:
        convert(values, kind, source)
    assert "'c'" in caught.value.what
    assert says in caught.value.found
    assert "day.parquet" in caught.value.found


def test_text_that_is_not_utf8_is_refused():
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    with pytest.raises(LandingError, match="UTF-8"):
        convert(broken, "string")


def test_examples_are_few_and_short():
    with pytest.raises(LandingError) as caught:
        convert(text(*[f"{number}{'x' * 500}" for number in range(1000)]), "number", "csv")
    assert len(str(caught.value)) < 1000


def test_the_contract_sets_columns_and_their_order():
    table = pa.table({"extra": [1], "b": [2], "a": ["x"]})
    found = conform(table, {"a": "string", "b": "integer"}, source="parquet", where="f")
    assert found.column_names == ["a", "b"]


def test_a_missing_column_is_named():
    with pytest.raises(LandingError, match="'b' is missing"):
        conform(pa.table({"a": ["x"]}), {"a": "string", "b": "integer"}, source="parquet", where="f")


def test_a_doubled_column_is_named():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(LandingError, match="'a' is there twice"):
        conform(table, {"a": "integer"}, source="parquet", where="f")


# Inferring


def infer(*columns: pa.Array, source: str = "parquet", moments: tuple[str, ...] = ()) -> str:
    tables = [(f"file {number}", pa.table({"c": column})) for number, column in enumerate(columns)]
    return infer_contract(tables, source=source, moments=moments)["c"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([pa.array([1])], "integer"),
        ([pa.array([1]), pa.array([1.5])], "number"),
        ([pa.nulls(1), pa.array([True])], "boolean"),
        ([pa.nulls(1)], "string"),
        ([pa.array([MOMENT])], "timestamp"),
        ([text("a").dictionary_encode()], "string"),
        ([text("1")], "string"),
    ],
)
def test_parquet_types_are_taken_as_they_are(columns, expected):
    assert infer(*columns) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([text("1", "", "2")], "integer"),
        ([text("1"), text("1.5")], "number"),
        ([text("NA"), text("1")], "integer"),
        ([text("true", "False")], "boolean"),
        ([text("2013-01-01T00:00")], "timestamp"),
        ([text("2013-01-01"), text("soon")], "string"),
        ([text("NA")], "string"),
        ([text("EWR")], "string"),
    ],
)
def test_csv_text_is_read_as_narrowly_as_all_of_it_allows(columns, expected):
    assert infer(*columns, source="csv") == expected


def test_json_moments_are_seen():
    assert infer(text("2013-01-01T00:00:00Z"), source="jsonl") == "timestamp"
    assert infer(text("12"), source="jsonl") == "string"


def test_a_declared_moment_is_one_whatever_it_looks_like():
    assert infer(text("NA"), source="csv", moments=("c",)) == "timestamp"


def test_types_that_differ_between_files_are_refused():
    with pytest.raises(LandingError, match="different types"):
        infer(pa.array([1]), text("a"))


def test_a_type_that_no_contract_has_is_refused():
    with pytest.raises(LandingError, match="none that a table can keep"):
        infer(pa.array([[1]]))


def test_the_contract_of_kept_rows_is_the_one_they_were_kept_under():
    contract = {"a": "string", "b": "integer", "c": "number", "d": "boolean", "e": "timestamp"}
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in contract.items()])
    assert contract_of(schema) == contract
