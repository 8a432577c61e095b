"""Numbers of a trial: seconds, rows and groups, on streams whose truth is known."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from evergreen.stages.rollout.measuring import commonest_errors, compare_answers, count_failures, count_slow, draw_course
from simulated_trials import BEGAN, BEGAN_US, Truth, chosen, evidence_of, first, simulate, with_requests


def test_failures_are_counted_by_second():
    asked = first(simulate(1, Truth(), 10), 6)
    at = BEGAN_US + np.array([0, 10, 999_999, 1_000_000, 5_000_000, 5_000_001])
    asked = with_requests(asked, answered_at_us=at, failed=np.array([True, True, False, False, True, False]))
    found = count_failures(asked)
    assert (found.requests, found.faults, found.seconds) == (6, 3, 3)
    assert [(each.requests, each.faults, each.seconds) for each in found.faulty] == [(2, 1, 1), (3, 2, 1)]


def test_slow_is_by_the_champion_and_only_where_both_were_timed():
    asked = simulate(1, Truth(), 4)
    asked = with_requests(asked, compute_us=np.array([500, 501, 10**6, 0]), champion_compute_us=np.array([100, 100, 0, 100]))
    found = count_slow(asked, 5.0)
    assert (found.requests, found.faults) == (2, 1)


@pytest.mark.parametrize("correlation", [0.9, 0.5, 0.0])
def test_the_comparison_says_what_the_stream_is_made_of(correlation):
    asked = simulate(3, Truth(correlation=correlation, shift=0.2), 5000)
    found = compare_answers(asked)
    assert found.rows == sum(rows for _, rows in found.differences) == sum(map(sum, found.scores)) == 5000
    assert found.disagreements == int((asked.decision != asked.champion_decision).sum())
    same, opposite = (sum(group[side] * group[2] for group in found.groups) for side in (0, 1))
    agreement = (same - opposite) / (same + opposite)
    assert agreement == pytest.approx(kendalltau(asked.probability, asked.champion_probability).statistic, abs=0.05)
    shift = sum((place + 0.5) / 1000 * rows for place, rows in found.differences) / 5000
    assert shift == pytest.approx(found.challenger_mean - found.champion_mean, abs=0.001)


def test_a_row_that_is_asked_about_again_tells_nothing_new_unless_an_answer_changes():
    once = simulate(1, Truth(), 50)
    again = chosen(once, np.tile(np.arange(50), 8))
    assert compare_answers(again) == compare_answers(once)
    other = again.probability.copy()
    other[-50:] = 0.5
    assert compare_answers(with_requests(again, probability=other)).rows == 100


def test_requests_about_one_row_all_the_time_are_one_row_and_many_requests():
    asked = simulate(1, Truth(rows=1), 300)
    found = evidence_of(asked)
    assert (found.step_requests, found.compared.rows) == (300, 1)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 120))
def test_whatever_comes_can_be_measured_and_kept(seed, requests):
    rng = np.random.default_rng(seed)
    truth = Truth(
        correlation=float(rng.uniform(-1, 1)),
        failure_share=float(rng.choice([0.0, 0.3, 1.0])),
        constant=bool(rng.random() < 0.2),
        rows=int(rng.choice([0, 1, 7])),
        champion_values=int(rng.choice([0, 2])),
    )
    found = evidence_of(simulate(seed, truth, requests))
    assert type(found).model_validate_json(found.model_dump_json()) == found
    assert found.failures.requests == requests == sum(found.course.requests)
    assert found.compared.rows <= requests - found.failures.faults


def test_late_records_only_add():
    """Looks see what was shipped by then; failures and rows that are known stay known."""
    asked = simulate(5, Truth(failure_share=0.05), 800)
    seen = np.random.default_rng(5).random(800) < 0.7
    early, late = evidence_of(chosen(asked, seen)), evidence_of(asked)
    assert early.failures.faults <= late.failures.faults
    assert early.compared.rows <= late.compared.rows
    assert dict(early.compared.differences).keys() <= dict(late.compared.differences).keys()


def test_the_course_covers_the_trial():
    asked = simulate(1, Truth(failure_share=0.2), 400)
    found = draw_course(asked, BEGAN, BEGAN + timedelta(seconds=40))
    assert (len(found.requests), found.step_seconds) == (40, 1.0)
    assert (sum(found.requests), sum(found.failures)) == (400, int(asked.failed.sum()))
    assert sum(draw_course(asked, BEGAN, BEGAN).requests) == 400


def test_errors_are_counted_the_commonest_first():
    errors = np.array(["b", "a", "a", None, "c", "d", "e", "f"], dtype=object)
    asked = with_requests(first(simulate(1, Truth(), 8), 8), error=errors, failed=np.ones(8, dtype=bool))
    assert commonest_errors(asked) == (("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 1))
