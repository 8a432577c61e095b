"""Rows in the four formats of MLflow's scoring protocol."""

import json

import pytest

from evergreen.errors import CallError
from evergreen.serving.mlflow_protocol import read_invocation

TYPES = {"id": "string", "n": "integer", "x": "number", "at": "timestamp"}
ROWS = [
    {"id": "a", "n": 1, "x": 1.5, "at": "2013-04-01T12:00:00Z"},
    {"id": "b", "n": 2, "x": None, "at": "2013-04-01T12:00:00Z"},
]
SPLIT = {"columns": list(ROWS[0]), "index": [0, 1], "data": [list(row.values()) for row in ROWS]}
COLUMNS = {name: [row[name] for row in ROWS] for name in TYPES}


def read(value, max_rows=10):
    return read_invocation(value if isinstance(value, bytes) else json.dumps(value).encode(), TYPES, max_rows)


@pytest.mark.parametrize(
    "value",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"inputs": COLUMNS},
        {"inputs": ROWS},
        {"dataframe_split": SPLIT, "params": {"a": 1}},
    ],
)
def test_every_format_gives_the_same_rows(value):
    assert read(value) == ROWS


def test_what_mlflows_clients_write_is_understood():
    (row,) = read(b'{"dataframe_records": [{"id": NaN, "n": 1.0, "x": NaN, "at": "2013-04-01 12:00:00"}]}')
    assert row == {"id": None, "n": 1.0, "x": None, "at": "2013-04-01T12:00:00Z"}
    (row,) = read({"instances": [{"at": "2013-04-01T12:00:00-04:00"}]})
    assert row["at"] == "2013-04-01T12:00:00-04:00"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"{", 400),
        (b'{"a": ' * 100_000, 400),
        ([], 422),
        ({}, 422),
        ({"rows": ROWS}, 422),
        ({"instances": ROWS, "inputs": COLUMNS}, 422),
        ({"instances": ROWS, "other": 1}, 422),
        ({"instances": 5}, 422),
        ({"dataframe_records": {"id": "a"}}, 422),
        ({"dataframe_split": ROWS}, 422),
        ({"dataframe_split": {"columns": ["id"], "data": [[1, 2]]}}, 422),
        ({"dataframe_split": {"columns": ["id", "id"], "data": []}}, 422),
        ({"dataframe_split": {"columns": [["id"]], "data": []}}, 422),
        ({"dataframe_split": {"columns": ["id"], "data": [5]}}, 422),
        ({"inputs": {"id": ["a"], "n": [1, 2]}}, 422),
        ({"inputs": {}}, 422),
        ({"inputs": {"id": ["a"] * 11}}, 413),
        ({"dataframe_split": {"columns": ["id"], "data": [["a"]] * 11}}, 413),
    ],
)
def test_what_is_none_of_them_is_refused(value, status):
    with pytest.raises(CallError) as caught:
        read(value)
    assert caught.value.status == status
