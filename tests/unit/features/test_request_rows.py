import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import RequestError
from evergreen.features.frames import to_pandas
from evergreen.features.keys import key_text, key_texts
from evergreen.features.online_joins import plain_values
from evergreen.features.request_rows import ARROW_TYPES, converted

ABSENT = object()
MOMENT = datetime(2013, 4, 1, 12, 30, 15, 123456, tzinfo=UTC)
MICROSECONDS = 1_364_819_415_123_456


@pytest.mark.parametrize(
    ("kind", "sent", "plain"),
    [
        ("string", "ü", "ü"),
        ("string", "", ""),
        ("integer", 5, 5),
        ("integer", 5.0, 5),
        ("integer", -(2**63), -(2**63)),
        ("integer", np.int32(7), 7),
        ("integer", math.nan, None),
        ("count", 5, 5.0),
        ("number", 5, 5.0),
        ("number", np.float32(0.5), 0.5),
        ("number", math.nan, None),
        ("boolean", False, False),
        ("boolean", np.True_, True),
        ("timestamp", MOMENT, MICROSECONDS),
        ("timestamp", MOMENT.astimezone(timezone(timedelta(hours=-4))), MICROSECONDS),
        ("timestamp", "2013-04-01T12:30:15.123456Z", MICROSECONDS),
        ("timestamp", "2013-04-01T08:30:15.123456-04:00", MICROSECONDS),
        ("timestamp", pd.Timestamp(MOMENT), MICROSECONDS),
    ],
)
def test_values_become_plain(kind, sent, plain):
    [found] = converted("field", kind, [sent], ABSENT)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize("kind", ["string", "integer", "count", "number", "boolean", "timestamp"])
def test_none_and_absent_are_missing(kind):
    assert converted("field", kind, [None, ABSENT], ABSENT) == [None, None]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("string", 5),
        ("string", "\ud800"),
        ("integer", True),
        ("integer", 5.5),
        ("integer", "5"),
        ("integer", 2**63),
        ("integer", math.inf),
        ("count", 2**63),
        ("number", True),
        ("number", "5"),
        ("number", math.inf),
        ("number", -math.inf),
        ("number", 2**53 + 1),
        ("number", 10**400),
        ("boolean", 1),
        ("boolean", "true"),
        ("timestamp", MICROSECONDS),
        ("timestamp", "2013-04-01T12:30:15"),
        ("timestamp", "yesterday"),
        ("timestamp", datetime(2013, 4, 1)),
        ("timestamp", pd.NaT),
        ("timestamp", "0001-01-01T00:00:00Z"),
        ("timestamp", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_another_type_is_an_error_that_names_row_and_field(kind, sent):
    with pytest.raises(RequestError, match="row 1: field 'temp'") as caught:
        converted("temp", kind, [None, sent], ABSENT)
    assert type(sent).__name__ in caught.value.found
    assert len(str(caught.value)) < 500


ANY = {
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1700, 1, 1), datetime(2249, 1, 1), timezones=st.just(UTC)),
}
typed = st.sampled_from(sorted(ANY)).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(ANY[kind], min_size=1, max_size=3)))


@given(typed, st.booleans())
def test_a_request_makes_the_frame_that_the_table_makes(typed, is_identifier):
    """Whether a value comes from a table or from a request, feature code sees the same one."""
    kind, values = typed
    stored = pa.chunked_array([pa.array([*values, None], ARROW_TYPES[kind])])
    asked = "count" if kind == "integer" and not is_identifier else kind
    plain = converted("field", asked, [*values, None], ABSENT)
    assert plain == plain_values(stored, is_identifier=is_identifier)
    named = ["field"] if is_identifier else []
    seen = to_pandas(pa.table({"field": stored}), identifiers=named)
    again = to_pandas(
        pa.table({"field": pa.array(plain, ARROW_TYPES["number" if asked == "count" else asked])}), identifiers=named
    )
    pd.testing.assert_frame_equal(again, seen, check_exact=True)


@given(st.lists(typed, min_size=1, max_size=3))
def test_key_texts_are_those_of_tables(columns):
    count = min(len(values) for _, values in columns)
    names = [str(number) for number in range(len(columns))]
    stored = pa.table(
        {name: pa.array(values[:count], ARROW_TYPES[kind]) for name, (kind, values) in zip(names, columns, strict=True)}
    )
    plain = [(converted("key", kind, values[:count], ABSENT), kind) for kind, values in columns]
    assert key_texts(plain) == key_text(stored, names).to_pylist()
