import multiprocessing
from time import monotonic

import pytest

from evergreen.serving.access.rates import AT_ONCE_SECONDS, KeyRate, KeyRates


def allowed(rate, moments):
    return sum(rate.wait_seconds(now) == 0.0 for now in moments)


@pytest.mark.parametrize("per_minute", [1, 6, 60, 600, 6000])
def test_at_once_ten_seconds_worth_and_in_the_long_run_the_rate(per_minute):
    rate = KeyRate(bytearray(8), per_minute)
    at_once = max(1, round(per_minute * AT_ONCE_SECONDS / 60))
    assert allowed(rate, [1000.0] * (at_once + 50)) == at_once
    hour = [1000.0 + 0.004 * number for number in range(900_000)]
    assert allowed(rate, hour) == pytest.approx(60 * per_minute, abs=1)


def test_the_wait_is_as_long_as_it_says_and_a_refused_request_is_not_counted():
    rate = KeyRate(bytearray(8), 6)
    assert rate.wait_seconds(50.0) == 0.0
    for _ in range(100):
        assert rate.wait_seconds(51.0) == pytest.approx(9.0)
    assert rate.wait_seconds(59.99) > 0
    assert rate.wait_seconds(60.0) == 0.0


def test_a_moment_of_an_earlier_start_of_the_machine_locks_nobody_out():
    state = bytearray(8)
    KeyRate(state, 60).wait_seconds(9e6)
    assert KeyRate(state, 60).wait_seconds(100.0) == 0.0
    state[:] = b"\xff" * 8  # not a number
    assert KeyRate(state, 60).wait_seconds(100.0) == 0.0


def ask(folder, number, answers):
    rate = KeyRates(folder).of("0123abcd", 600)
    answers.put(sum(rate.wait_seconds() == 0.0 for _ in range(number)))


def test_workers_count_together(tmp_path):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    began = monotonic()
    workers = [context.Process(target=ask, args=(tmp_path / "rates", 2000, answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = sum(answers.get(timeout=30) for _ in workers)
    for worker in workers:
        worker.join()
    assert 100 <= found <= 103 + 10 * (monotonic() - began)


def test_where_the_folder_cannot_be_written_a_worker_counts_alone(tmp_path):
    (tmp_path / "rates").write_text("a file is in the way")
    rate = KeyRates(tmp_path / "rates").of("0123abcd", 6)
    assert [rate.wait_seconds(5.0) == 0.0 for _ in range(3)] == [True, False, False]


def test_a_key_keeps_its_count_when_the_file_is_read_again(tmp_path):
    rates = KeyRates(tmp_path)
    assert rates.of("0123abcd", 6).wait_seconds(5.0) == 0.0
    assert rates.of("0123abcd", 6).wait_seconds(5.0) > 0.0
    assert rates.of("0123abce", 6).wait_seconds(5.0) == 0.0
