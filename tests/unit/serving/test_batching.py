"""Requests that come together are answered together, and a bad one harms nobody else."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from evergreen.errors import CallError, FeatureError, StoreUnavailableError
from evergreen.serving import batching
from evergreen.serving.answering import Alone, Call
from evergreen.serving.answers import Answers
from evergreen.serving.batching import Batcher


class Narrow(int):
    """A row; what it says is its own number."""


class Wide(Narrow):
    """A row with joined columns."""


def answers(rows):
    numbers = [int(row) for row in rows]
    return Answers(
        key=[str(n) for n in numbers],
        event_time_us=numbers,
        moment_us=numbers,
        features=[(n,) for n in numbers],
        probability=[n / 1000 for n in numbers],
        decision=[n % 2 == 0 for n in numbers],
        review=[False] * len(numbers),
    )


class Computing:
    """Notes the batches; refuses negative rows."""

    def __init__(self, seconds=0.0):
        self.batches, self.kept, self.seconds = [], [], seconds
        self.threads = set()

    def __call__(self, rows):
        self.batches.append(list(rows))
        self.threads.add(threading.current_thread())
        time.sleep(self.seconds)
        if any(row < 0 for row in rows):
            raise FeatureError("no", found="f", allowed="a", remedy="r")
        return answers(rows)

    def keep(self, calls, found, took_us):
        self.kept += [key for one in found for key in one.key]


def run(requests, *, computing, is_quick=True, keep=None):
    """Submit requests at once; return what came of each."""

    async def main():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(Alone(computing, keep or computing.keep, executor=executor, is_quick=is_quick))
            calls = [Call(rows, f"r{n}", "champion", perf_counter()) for n, rows in enumerate(requests)]
            return await asyncio.gather(*(batcher.submit(call) for call in calls), return_exceptions=True), batcher

    return asyncio.run(main())


@pytest.mark.parametrize("is_quick", [True, False])
def test_requests_of_one_turn_are_one_batch(is_quick):
    computing = Computing()
    found, batcher = run([[Narrow(1)], [Narrow(2), Narrow(3)], [Narrow(4)]], computing=computing, is_quick=is_quick)
    assert computing.batches == [[1, 2, 3, 4]]
    assert [list(one.key) for one in found] == [["1"], ["2", "3"], ["4"]]
    assert [list(one.probability) for one in found] == [[0.001], [0.002, 0.003], [0.004]]
    assert computing.kept == ["1", "2", "3", "4"]
    assert (batcher.waiting_rows, batcher.largest_batch) == (0, 4)


def test_slow_features_leave_the_event_loop_alone_and_later_requests_are_gathered():
    computing = Computing(seconds=0.05)

    async def main():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(Alone(computing, computing.keep, executor=executor, is_quick=False))
            first = batcher.submit(Call([Narrow(1)], "a", "champion", perf_counter()))
            await asyncio.sleep(0.01)
            later = []
            for number in range(2, 6):
                later.append(batcher.submit(Call([Narrow(number)], "b", "champion", perf_counter())))
                await asyncio.sleep(0.001)
            await asyncio.gather(first, *later)

    asyncio.run(main())
    assert computing.batches == [[1], [2, 3, 4, 5]]
    assert threading.main_thread() not in computing.threads


def test_a_large_batch_of_a_quick_release_leaves_the_event_loop_too():
    computing = Computing()
    run([[Narrow(n) for n in range(batching.MAX_INLINE_ROWS + 1)]], computing=computing)
    assert threading.main_thread() not in computing.threads


def test_rows_with_joined_columns_are_computed_apart():
    computing = Computing()
    found, _ = run([[Narrow(1)], [Wide(2)], [Narrow(3)], [Wide(4)]], computing=computing)
    assert sorted(computing.batches) == [[1, 3], [2, 4]]
    assert [list(one.key) for one in found] == [["1"], ["2"], ["3"], ["4"]]


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_bad_request_fails_alone(is_quick):
    computing = Computing()
    found, _ = run([[Narrow(1)], [Narrow(-2)], [Narrow(3)]], computing=computing, is_quick=is_quick)
    assert list(found[0].key) == ["1"]
    assert list(found[2].key) == ["3"]
    assert isinstance(found[1], CallError)
    assert found[1].status == 422
    assert computing.kept == ["1", "3"]


def test_what_cannot_be_kept_is_not_answered():
    def keep(calls, found, took_us):
        raise StoreUnavailableError("full", found="f", allowed="a", remedy="r")

    found, _ = run([[Narrow(1)], [Narrow(2)]], computing=Computing(), keep=keep)
    assert [error.status for error in found] == [503, 503]


def test_too_many_waiting_rows_are_refused(monkeypatch):
    monkeypatch.setattr(batching, "MAX_WAITING_ROWS", 2)

    async def main():
        with ThreadPoolExecutor(1) as executor:
            computing = Computing()
            batcher = Batcher(Alone(computing, computing.keep, executor=executor, is_quick=True))
            taken = [batcher.submit(Call([Narrow(n)], "a", "champion", perf_counter())) for n in range(3)]
            with pytest.raises(CallError) as caught:
                batcher.submit(Call([Narrow(9)], "a", "champion", perf_counter()))
            await asyncio.gather(*taken)
            return caught.value.status

    assert asyncio.run(main()) == 503


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(batching, "MAX_BATCH_ROWS", 3)
    computing = Computing()
    run([[Narrow(1), Narrow(2)], [Narrow(3), Narrow(4)], [Narrow(5)]], computing=computing)
    assert computing.batches == [[1, 2], [3, 4, 5]]


class Broken:
    """Answers nobody at first: its own mistake, not a request's."""

    is_quick = True

    def __init__(self):
        self.batches = 0

    def at_once(self, calls):
        self.batches += 1
        if self.batches == 1:
            raise ZeroDivisionError
        return [(call, answers(call.rows)) for call in calls]


def test_a_batch_that_goes_wrong_as_a_whole_holds_up_nobody_after_it():
    async def main():
        batcher = Batcher(Broken())
        with pytest.raises(CallError) as caught:
            await batcher.submit(Call([Narrow(1)], "a", "champion", perf_counter()))
        assert caught.value.status == 500
        return await asyncio.wait_for(batcher.submit(Call([Narrow(2)], "b", "champion", perf_counter())), 5)

    assert list(asyncio.run(main()).key) == ["2"]
