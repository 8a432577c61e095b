"""What counts as a request, and which records no gateway writes."""

import math

import numpy as np
import pyarrow as pa
import pytest

from evergreen.serving.log.shipped_rows import served_rows
from evergreen.stages.rollout.asked import COLUMNS, asked_requests, first_of_each
from logged_answers import a_release, an_answer


def records(*changes):
    usual = {
        "role": "canary",
        "release_version": "2",
        "rollout_id": "r",
        "compute_us": 50,
        "champion_compute_us": 45,
        "champion_probability": 0.3,
        "champion_decision": True,
        "worker_mb": 300.0,
    }
    answers = [an_answer(number, **{**usual, **change}) for number, change in enumerate(changes)]
    return served_rows(answers, {a_release().bundle_digest: a_release()}).select(COLUMNS)


FAILURE = {"role": "failed", "probability": math.nan, "error": "ValueError"}


def test_a_request_is_its_first_row():
    many = [{"request_id": "a", "row": row, "key": f"k{row}", "answered_at_us": 5, "probability": row / 10} for row in range(4)]
    asked = asked_requests(records(*many, {"request_id": "b", "answered_at_us": 4, "probability": 0.9}), "2")
    assert asked.probability.tolist() == [0.9, 0.0]
    assert asked.answered_at_us.tolist() == [4, 5]


def test_records_come_in_any_order_and_tell_the_same():
    rows = records(*({"answered_at_us": 1000 - number, "worker_mb": float(number)} for number in range(30)))
    shuffled = rows.take(pa.array(np.random.default_rng(1).permutation(30)))
    one, other = asked_requests(rows, "2"), asked_requests(shuffled, "2")
    assert one.worker_mb.tolist() == other.worker_mb.tolist() == [float(number) for number in reversed(range(30))]


def test_a_request_that_was_sent_again_under_its_id_counts_once():
    again = {"request_id": "a", "key": "k"}
    asked = asked_requests(records({**again, "answered_at_us": 2}, {**again, **FAILURE, "answered_at_us": 1}, {}), "2")
    assert len(asked) == 2
    assert asked.failed.tolist() == [True, False], "what came of it first"


def test_a_caller_that_names_all_its_requests_alike_is_not_taken_for_one_request():
    asked = asked_requests(records(*({"request_id": "same", "key": f"k{number}"} for number in range(5))), "2")
    assert len(asked) == 5


def test_requests_whose_key_is_not_kept_are_about_rows_of_their_own():
    asked = asked_requests(records({"key": ""}, {"key": ""}, {"key": "k"}), "2")
    assert len(set(asked.key.tolist())) == 3


def test_a_failure_says_why_and_has_no_answer():
    asked = asked_requests(records(FAILURE, {}), "2")
    assert asked.failed.tolist() == [True, False]
    assert asked.error.tolist() == ["ValueError", ""]
    assert math.isnan(asked.probability[0])
    assert asked.champion_probability.tolist() == [0.3, 0.3]
    assert asked.strange == ()


@pytest.mark.parametrize(
    ("change", "strange"),
    [
        ({"role": "champion"}, "1 record of an unknown role"),
        ({"role": "twin"}, "1 record of an unknown role"),
        ({"release_version": "3"}, "1 record of a release that is not version 2"),
        ({"probability": math.nan}, "1 record with an answer that is no probability"),
        ({"probability": 1.5}, "1 record with an answer that is no probability"),
        ({"probability": -0.1, "row": 3}, "1 record with an answer that is no probability"),
        ({"champion_probability": math.nan}, "1 record without the champion's answer"),
        ({"champion_decision": None}, "1 record without the champion's answer"),
        ({**FAILURE, "champion_probability": math.nan}, None),
    ],
)
def test_what_no_gateway_writes(change, strange):
    assert asked_requests(records({}, change), "2").strange == ((strange,) if strange else ())


def test_no_records_are_no_requests():
    asked = asked_requests(records({}).slice(0, 0), "2")
    assert (len(asked), asked.strange) == (0, ())


def test_the_first_of_each_combination_stays():
    assert first_of_each(np.array([1, 1, 2, 1, 2]), np.array([0.5, 0.5, 0.5, 0.1, 0.5])).tolist() == [0, 2, 3]
    assert first_of_each(np.array([], dtype=np.int64)).tolist() == []
