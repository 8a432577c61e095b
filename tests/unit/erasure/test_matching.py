"""The same value has the same hash wherever it stands, and another has not."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from evergreen.erasure.hashes import ErasureHash
from evergreen.erasure.matching import Forgotten, Match
from evergreen.erasure.selection import parse_selection, value_hashes
from evergreen.erasure.values import parse, written, written_column
from evergreen.errors import RequestError
from unit.stages.landing_case import definition

HASHER = ErasureHash("key", "taxi")
HOSTILE = [
    "",
    " ",
    "'",
    '"; DROP TABLE x',
    "a=b",
    "|",
    "\\|",
    "\x00",
    "zoë",
    "👩‍🔬",
    "\ud800",
    "x" * 10**6,
    "{}",
    "null",
    "s:7",
]


def forgotten(*words, contract=None):
    contracts = {"trips": contract or {"id": "string", "n": "integer", "x": "number", "ok": "boolean", "at": "timestamp"}}
    selection = parse_selection(words)
    hashes = value_hashes(selection, definition(), contracts, HASHER)
    return Forgotten(HASHER, ((selection.columns, hashes),), frozenset())


def found(who, **columns):
    return Match(who)(pa.table(columns)).tolist()


@pytest.mark.parametrize("value", [text for text in HOSTILE if "\ud800" not in text])
def test_hostile_text_matches_itself_alone(value):
    others = [text for text in HOSTILE if text != value and "\ud800" not in text]
    assert found(forgotten(f"id={value}"), id=[value, *others, None]) == [True, *[False] * (len(others) + 1)]


def test_text_that_no_encoding_takes_is_hashed_all_the_same():
    assert len({HASHER.of_values(("id",), (written(text),)) for text in HOSTILE}) == len(HOSTILE)


def test_values_match_by_what_they_are_and_not_by_how_they_are_written():
    assert found(forgotten("n=007"), n=[7, 70, None]) == [True, False, False]
    assert found(forgotten("x=7"), x=[7.0, 7.5, float("nan")]) == [True, False, False]
    assert found(forgotten("ok=TRUE"), ok=[True, False, None]) == [True, False, False]
    moment = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert found(forgotten("at=2024-01-02T04:04:05.000006+01:00"), at=[moment, moment.replace(microsecond=7)]) == [True, False]


def test_text_is_no_number():
    assert found(forgotten("id=7"), id=["7", "07", "7.0"]) == [True, False, False]
    assert found(forgotten("id=7"), id=[7, 8]) == [False, False]


def test_a_key_of_several_columns_is_told_apart_from_its_parts():
    who = forgotten("id=a", "n=1")
    assert found(who, id=["a", "a", "b"], n=[1, 2, 1]) == [True, False, False]
    assert Match(who).columns(["id"]) == []
    assert HASHER.of_values(("a", "b"), ("s:1", "s:2")) == HASHER.of_values(("b", "a"), ("s:2", "s:1"))
    assert HASHER.of_values(("a", "b"), ("s:1", "s:2")) != HASHER.of_values(("a", "b"), ("s:2", "s:1"))


def test_logged_fields_match_as_the_request_had_them():
    who = forgotten("at=2024-01-02T03:04:05Z", "id=a")
    inputs = ['{"id":"a","at":"2024-01-02T03:04:05Z"}', '{"id":"a"}', '{"id":"a","at":5}', "[]", "no json", None]
    match = Match(who, inputs="inputs")
    assert match(pa.table({"inputs": inputs})).tolist() == [True, False, False, False, False, False]


def test_a_hash_is_of_one_model_and_one_key():
    assert HASHER.of_row_key("a") != ErasureHash("key", "other").of_row_key("a")
    assert HASHER.of_row_key("a") != ErasureHash("other", "taxi").of_row_key("a")
    assert HASHER.key_id != ErasureHash("other", "taxi").key_id
    assert HASHER.of_row_key("a") != HASHER.of_values(("a",), ("a",))


def test_columns_of_every_layout_are_written_alike():
    moments = [datetime(2024, 1, 2, tzinfo=UTC), None]
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"), pa.timestamp("ms")):
        assert written_column(pa.chunked_array([pa.array(moments, pa.timestamp("us", "UTC")).cast(kind)]))[0] == written(
            moments[0]
        )
    texts = pa.array(["a", None, "a"])
    assert written_column(pa.chunked_array([texts.dictionary_encode()])) == written_column(pa.chunked_array([texts]))
    assert written_column(pa.chunked_array([pa.array(np.array([1, 2], np.int32))])) == ["n:1", "n:2"]


@pytest.mark.parametrize(
    ("text", "kind"), [("x", "integer"), ("1.5", "integer"), ("no", "boolean"), ("soon", "timestamp"), ("", "number")]
)
def test_what_is_no_value_of_a_type_is_refused(text, kind):
    with pytest.raises(ValueError, match=r".+"):
        parse(text, kind)


def test_a_value_may_hold_anything_and_columns_are_told_once():
    assert parse_selection(["id=a=b=", "n=1"]).texts == ("a=b=", "1")
    for words in ([], ["id"], ["=x"], ["id=1", "id=2"], [f"c{number}=1" for number in range(9)]):
        with pytest.raises(RequestError, match="it is not clear"):
            parse_selection(words)
