from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evergreen.definitions.words import AnyDuration, Delay, Duration, format_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("-7d", timedelta(days=-7)),
        ("4w", timedelta(weeks=4)),
        ("0d", timedelta(0)),
    ],
)
def test_a_duration(text, span):
    assert TypeAdapter(AnyDuration).validate_python(text) == span


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2h\n", "1.5h", "+2h", "2H", "٢h", "2y", "999999999w", 2, None, ["2h"]])
def test_what_is_no_duration(text):
    with pytest.raises(ValidationError):
        TypeAdapter(AnyDuration).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "text", "fits"), [(Duration, "0d", False), (Duration, "1s", True), (Delay, "0d", True), (Delay, "-1s", False)]
)
def test_the_sign_of_a_duration(kind, text, fits):
    if fits:
        TypeAdapter(kind).validate_python(text)
    else:
        with pytest.raises(ValidationError, match="a duration"):
            TypeAdapter(kind).validate_python(text)


@given(st.integers(-(10**8), 10**8))
def test_writing_and_reading_agree(seconds):
    span = timedelta(seconds=seconds)
    assert TypeAdapter(AnyDuration).validate_python(format_duration(span)) == span


def test_the_largest_whole_unit_up_to_a_day():
    assert [format_duration(timedelta(hours=h)) for h in (336, 24, 36, 0.5)] == ["14d", "1d", "36h", "30m"]
