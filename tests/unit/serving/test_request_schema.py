"""What a caller may send, and what is said of the rest."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import CallError
from evergreen.serving.request_problems import MAX_PROBLEMS
from evergreen.serving.request_schema import RequestSchema

ROW = {"id": "a", "at": "2013-04-01T12:00:00Z", "flight no": 7, "distance": 200.5, "is_first": True}
TYPES = {"id": "string", "at": "timestamp", "flight no": "integer", "distance": "number", "is_first": "boolean"}


def a_schema(max_rows=10, **optional):
    return RequestSchema(TYPES, {"temp": "number", **optional}, required_values={"id", "at"}, max_rows=max_rows)


def body(*rows, **changes):
    return json.dumps({"rows": [{**row, **changes} for row in rows or (ROW,)]}).encode()


def refused(data, schema=None):
    with pytest.raises(CallError) as caught:
        (schema or a_schema()).decode(data if isinstance(data, bytes) else json.dumps(data).encode())
    return caught.value


def test_one_row_and_many_are_the_same_rows():
    schema = a_schema()
    one, many = schema.decode(json.dumps(ROW).encode()), schema.decode(body(ROW, ROW))
    assert (len(one), len(many)) == (1, 2)
    assert schema.columns(one) == {
        "id": ["a"],
        "at": [datetime(2013, 4, 1, 12, tzinfo=UTC)],
        "flight no": [7],
        "distance": [200.5],
        "is_first": [True],
    }
    assert schema.columns(many)["id"] == ["a", "a"]
    assert schema.inputs(one[0]) == {**ROW, "at": datetime(2013, 4, 1, 12, tzinfo=UTC)}


def test_null_is_a_value_but_not_of_a_key_or_of_the_event_time():
    schema = a_schema()
    columns = schema.columns(schema.decode(body(distance=None, is_first=None)))
    assert columns["distance"] == [None]
    assert columns["is_first"] == [None]
    error = refused(body(id=None, at=None))
    assert [problem.field for problem in error.fields] == ["id", "at"]


def test_joined_columns_may_be_sent_and_are_told_from_those_that_are_not():
    schema = a_schema()
    rows = schema.decode(json.dumps({"rows": [{**ROW, "temp": 50}, ROW, {**ROW, "temp": None}]}).encode())
    assert schema.is_wide(rows[0])
    assert schema.is_wide(rows[1])
    assert schema.columns(rows)["temp"] == [50.0, msgspec.UNSET, None]
    assert "temp" not in schema.inputs(rows[1])
    assert schema.inputs(rows[2])["temp"] is None
    assert not schema.is_wide(schema.decode(body())[0])
    assert "temp" not in schema.columns(schema.decode(body()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 5),
        ("flight no", "7"),
        ("flight no", 7.5),
        ("flight no", True),
        ("flight no", 2**63),
        ("distance", "far"),
        ("distance", True),
        ("distance", [1]),
        ("distance", {}),
        ("is_first", 1),
        ("at", "2013-04-01T12:00:00"),
        ("at", "yesterday"),
        ("at", 1364817600),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59Z"),
        ("at", "2013-02-30T00:00:00Z"),
        ("temp", "warm"),
    ],
)
def test_a_wrong_value_names_its_row_and_field(field, value):
    error = refused({"rows": [ROW, {**ROW, field: value}]})
    assert error.status == 422
    (problem,) = error.fields
    assert (problem.row, problem.field) == (1, field)
    assert f"row 1, field {field!r}" in error.what
    assert all((error.found, error.allowed, error.remedy))


def test_a_whole_number_may_be_written_as_a_float():
    assert a_schema().columns(a_schema().decode(body(**{"flight no": 7.0})))["flight no"] == [7]


def test_unknown_and_missing_fields_are_told_with_the_nearest_name():
    row = {name: value for name, value in ROW.items() if name != "distance"} | {"distanse": 5}
    error = refused(row)
    assert {problem.field for problem in error.fields} == {"distance", "distanse"}
    assert any("did you mean 'distance'" in problem.what for problem in error.fields)


def test_mistakes_are_counted_up_to_a_limit():
    error = refused({"rows": [{"id": 1}] * 10})
    assert len(error.fields) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"nonsense", 400),
        (b"\xff\xfe", 400),
        (b'{"id": "\xff"}', 400),
        (b'{"distance": NaN}', 400),
        (b"[" * 100_000, 422),
        (b'{"rows": ' + b"[" * 100_000, 422),
        (b'{"distance": ' + b'{"a":' * 100_000, 422),
        (b"[1, 2]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"rows": 5}', 422),
        (b'{"rows": [], "more": 1}', 422),
        (b'{"rows": [5]}', 422),
        (b'{"rows": [null]}', 422),
    ],
)
def test_what_is_no_request_is_refused(data, status):
    error = refused(data)
    assert error.status in (status, 400)
    assert all((error.what, error.found, error.allowed, error.remedy))


@pytest.mark.parametrize(("count", "status"), [(0, 422), (11, 413)])
def test_too_few_and_too_many_rows(count, status):
    assert refused({"rows": [ROW] * count}).status == status
    with pytest.raises(CallError):
        a_schema().from_plain([ROW] * count)


def test_a_column_may_be_called_rows():
    schema = RequestSchema({"rows": "integer", "class": "string"}, {}, required_values=(), max_rows=5)
    assert schema.columns(schema.decode(b'{"rows": 3, "class": "x"}')) == {"rows": [3], "class": ["x"]}
    assert refused(b'{"rows": [{"rows": 3, "class": "x"}]}', schema).status == 422


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TYPES, "temp", "rows", "x"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(value=JSON)
def test_any_json_is_read_or_refused(value):
    """Nothing but a refusal in the fours leaves the decoding, and what it lets through fits the schema."""
    schema = a_schema()
    status, n_rows = 422, 1
    try:
        n_rows = len(schema.decode(json.dumps(value).encode()))
    except CallError as error:
        status = error.status
    assert 400 <= status < 500
    assert 1 <= n_rows <= 10


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with pytest.raises(CallError):
        a_schema().decode(data)


@given(
    row=st.fixed_dictionaries(
        {
            "id": st.text(max_size=20),
            "at": st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)).map(lambda at: at.isoformat() + "Z"),
            "flight no": st.none() | st.integers(-(2**63), 2**63 - 1),
            "distance": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "is_first": st.none() | st.booleans(),
        }
    )
)
def test_every_row_of_the_schema_is_read_as_it_was_sent(row):
    schema = a_schema()
    (read,) = schema.decode(msgspec.json.encode(row))
    sent = schema.inputs(read)
    assert {**sent, "at": None} == {**row, "at": None}
    assert sent["at"] == datetime.fromisoformat(row["at"])
    assert schema.inputs(schema.from_plain([row])[0]) == sent
