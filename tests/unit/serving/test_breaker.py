"""A challenger that keeps failing is not asked for a while, then by one batch."""

import pytest

from evergreen.serving.breaker import MOST_FAILURES, PAUSE_SECONDS, Breaker


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def breaker(clock):
    return Breaker(lambda: clock[0])


def test_failures_in_a_row_open_it(breaker):
    for _ in range(MOST_FAILURES - 1):
        breaker.note(False)
    assert not breaker.is_open
    breaker.note(False)
    assert breaker.is_open


def test_failures_with_answers_between_them_do_not(breaker):
    for _ in range(10 * MOST_FAILURES):
        breaker.note(False)
        breaker.note(True)
    assert not breaker.is_open


def test_after_a_while_it_tries_and_one_answer_closes_it(breaker, clock):
    for _ in range(MOST_FAILURES):
        breaker.note(False)
    clock[0] = PAUSE_SECONDS
    assert not breaker.is_open
    breaker.note(False)
    assert breaker.is_open
    clock[0] = 2 * PAUSE_SECONDS
    breaker.note(True)
    clock[0] += 1
    breaker.note(False)
    assert not breaker.is_open
