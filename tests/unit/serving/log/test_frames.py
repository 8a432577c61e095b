"""A segment is read up to the first frame that is not whole, whatever happened to its bytes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.serving.log.frames import answers_frame, read_frames, release_frame
from logged_answers import a_release, an_answer

BATCHES = [[an_answer(0)], [an_answer(1), an_answer(2)], [an_answer(3)]]
FRAMES = [bytes(release_frame(a_release())), *(bytes(answers_frame(batch)) for batch in BATCHES)]
WHOLE = b"".join(FRAMES)
ENDS = [sum(map(len, FRAMES[: place + 1])) for place in range(len(FRAMES))]


def keys(content):
    return [answer.key for answer in content.answers]


def test_what_was_written_is_read():
    content = read_frames(WHOLE)
    assert keys(content) == ["row-0", "row-1", "row-2", "row-3"]
    assert content.releases == {a_release().bundle_digest: a_release()}
    assert content.good_bytes == content.size_bytes == len(WHOLE)
    first, expected = content.answers[0], an_answer(0)
    assert first.inputs == expected.inputs, "moments are moments again, text is text"
    assert math.isnan(first.features[1])
    assert (first.features[0], first.features[2:], first.probability) == (0.0, ["ü&", None], 0.0)


@given(st.integers(0, len(WHOLE)))
def test_a_torn_end_takes_the_batch_it_tears_and_nothing_before_it(length):
    content = read_frames(WHOLE[:length])
    whole = [end for end in ENDS if end <= length]
    assert content.good_bytes == (whole[-1] if whole else 0)
    assert len(content.answers) == sum(len(batch) for batch in BATCHES[: max(len(whole) - 1, 0)])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_taken_for_an_answer(place, change):
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    content = read_frames(bytes(damaged))
    frame = next(number for number, end in enumerate(ENDS) if place < end)
    assert content.good_bytes == (ENDS[frame - 1] if frame else 0)
    assert content.good_bytes < content.size_bytes


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"A", b"A\xff\xff\xff\xff\0\0\0\0"])
def test_what_a_file_system_leaves_behind_the_end_is_no_answer(tail):
    content = read_frames(WHOLE + tail)
    assert (len(content.answers), content.good_bytes) == (4, len(WHOLE))
