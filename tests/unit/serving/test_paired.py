"""Champion and challenger are asked the same; a caller gets a sound answer, whatever the challenger does."""

import asyncio
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from evergreen.errors import CallError, FeatureError, StoreUnavailableError
from evergreen.serving.answering import Asked, Call
from evergreen.serving.answers import Answers
from evergreen.serving.batching import Batcher
from evergreen.serving.breaker import MOST_FAILURES, Breaker
from evergreen.serving.challenger import Challenger
from evergreen.serving.paired import Paired


class Release:
    """Says the same of every row, or what a test wants of it."""

    def __init__(self, says, *, is_quick=True, seconds=0.0, fails_for=None):
        self.says, self.is_quick, self.seconds, self.fails_for = says, is_quick, seconds, fails_for
        self.batches, self.threads = [], set()

    def answer(self, rows):
        self.batches.append(list(rows))
        self.threads.add(threading.current_thread())
        time.sleep(self.seconds)
        if self.fails_for in rows:
            raise FeatureError("no", found="a secret", allowed="a", remedy="r")
        return Answers(
            key=[str(row) for row in rows],
            event_time_us=[0] * len(rows),
            moment_us=[0] * len(rows),
            features=[()] * len(rows),
            probability=[self.says] * len(rows),
            decision=[self.says >= 0.5] * len(rows),
            review=[False] * len(rows),
        )


class Tray:
    """Keeps what both said."""

    def __init__(self, error=None):
        self.kept, self.error = [], error

    def keep(self, tryings):
        if self.error:
            raise self.error
        self.kept += tryings

    @property
    def errors(self):
        return [one.tried.error for one in self.kept]


def ask(requests, champion, challenger_release, *, tray=None, limit_seconds=0.2, problem="", rounds=1):
    """Ask both about requests that come at once, in so many rounds; return tray and (probability, by challenger) by request."""
    tray = tray or Tray()

    async def main():
        with ThreadPoolExecutor(1) as threads, ThreadPoolExecutor(1) as own:
            challenger = Challenger(challenger_release, problem, limit_seconds=limit_seconds, executor=own, breaker=Breaker())
            batcher = Batcher(Paired(champion, challenger, tray.keep, executor=threads))
            told = []
            for _ in range(rounds):
                calls = [Call(rows, f"r{n}", "champion", perf_counter(), Asked(rows)) for n, rows in enumerate(requests)]
                found = await asyncio.gather(*(batcher.submit(call) for call in calls), return_exceptions=True)
                told += [
                    (one if isinstance(one, Exception) else one.probability[0], call.by_challenger)
                    for call, one in zip(calls, found, strict=True)
                ]
            return told

    return tray, asyncio.run(main())


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_sound_answer_is_the_challengers_and_both_saw_the_same_batch(is_quick):
    champion, challenger = Release(0.3, is_quick=is_quick), Release(0.6, is_quick=is_quick)
    tray, told = ask([["a"], ["b", "c"]], champion, challenger)
    assert told == [(0.6, True), (0.6, True)]
    assert champion.batches == challenger.batches == [["a", "b", "c"]]
    assert [list(one.said.probability) for one in tray.kept] == [[0.3], [0.3, 0.3]]
    assert [list(one.tried.answers.probability) for one in tray.kept] == [[0.6], [0.6, 0.6]]
    assert tray.kept[0].champion_us >= 0


@pytest.mark.parametrize("is_quick", [True, False])
@pytest.mark.parametrize("says", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_probability_is_not_told(says, is_quick):
    tray, told = ask([["a"]], Release(0.3, is_quick=is_quick), Release(says, is_quick=is_quick))
    assert told == [(0.3, False)]
    assert "is no probability" in tray.errors[0]


@pytest.mark.parametrize("is_quick", [True, False])
def test_where_it_fails_for_one_request_only_that_one_is_the_champions(is_quick):
    challenger = Release(0.6, is_quick=is_quick, fails_for="b")
    tray, told = ask([["a"], ["b"], ["c"]], Release(0.3, is_quick=is_quick), challenger)
    assert told == [(0.6, True), (0.3, False), (0.6, True)]
    assert tray.errors == ["", "no", ""]


def test_an_error_tells_nothing_of_what_was_sent():
    tray, _ = ask([["b"]], Release(0.3), Release(0.6, fails_for="b"))
    assert "secret" not in tray.errors[0]


def test_who_waits_too_long_gets_the_champions_answer_and_later_ones_do_not_wait():
    slow = Release(0.6, is_quick=False, seconds=0.5)
    began = time.monotonic()
    tray, told = ask([["a"]], Release(0.3, is_quick=False), slow, limit_seconds=0.1, rounds=2)
    assert told == [(0.3, False)] * 2
    assert tray.errors == ["no answer within 100 ms", "it is still busy with an earlier request"]
    assert slow.batches == [["a"]]
    assert time.monotonic() - began < 1.5


def test_a_quick_one_that_took_too_long_is_not_told_either():
    tray, told = ask([["a"]], Release(0.3), Release(0.6, seconds=0.05), limit_seconds=0.01)
    assert told == [(0.3, False)]
    assert tray.errors == ["no answer within 10 ms"]


def test_one_that_keeps_failing_is_not_asked_and_every_request_says_so():
    failing = Release(math.nan)
    tray, told = ask([["a"]], Release(0.3), failing, rounds=MOST_FAILURES + 3)
    assert told == [(0.3, False)] * (MOST_FAILURES + 3)
    assert len(failing.batches) == MOST_FAILURES
    assert tray.errors[-3:] == [f"not asked: {MOST_FAILURES} requests in a row have failed"] * 3


def test_one_that_is_not_loaded_fails_every_request():
    tray, told = ask([["a"]], Release(0.3), None, problem="its bundle is gone")
    assert told == [(0.3, False)]
    assert tray.errors == ["not loaded: its bundle is gone"]


def test_a_request_that_the_champion_refuses_is_refused_and_no_evidence():
    tray, told = ask([["a"], ["b"]], Release(0.3, fails_for="b"), Release(0.6))
    assert told[0] == (0.6, True)
    assert isinstance(told[1][0], CallError)
    assert len(tray.kept) == 1


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_batch_that_the_champion_refuses_as_a_whole(is_quick):
    tray, told = ask([["b"]], Release(0.3, is_quick=is_quick, fails_for="b"), Release(0.6, is_quick=is_quick))
    assert told[0][0].status == 422
    assert tray.kept == []


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_batch_that_the_challenger_reads_nothing_of(is_quick):
    async def main():
        tray = Tray()
        with ThreadPoolExecutor(1) as threads, ThreadPoolExecutor(1) as own:
            challenger = Challenger(Release(0.6, is_quick=is_quick), "", limit_seconds=1.0, executor=own, breaker=Breaker())
            batcher = Batcher(Paired(Release(0.3, is_quick=is_quick), challenger, tray.keep, executor=threads))
            found = await batcher.submit(Call(["a"], "1", "champion", perf_counter(), Asked((), "a field is missing")))
            return found.probability[0], tray.errors

    assert asyncio.run(main()) == (0.3, ["a field is missing"])


def test_what_cannot_be_kept_is_not_answered():
    full = StoreUnavailableError("full", found="f", allowed="a", remedy="r")
    _, told = ask([["a"]], Release(0.3), Release(0.6), tray=Tray(full))
    assert told[0][0].status == 503


def test_a_request_that_is_none_to_the_challenger():
    async def main():
        tray = Tray()
        with ThreadPoolExecutor(1) as threads:
            challenger = Challenger(Release(0.6), "", limit_seconds=1.0, executor=threads, breaker=Breaker())
            batcher = Batcher(Paired(Release(0.3), challenger, tray.keep, executor=threads))
            calls = [
                Call(["a"], "1", "champion", perf_counter(), Asked((), "a field is missing")),
                Call(["b"], "2", "champion", perf_counter(), Asked(["b"])),
            ]
            found = await asyncio.gather(*map(batcher.submit, calls))
            return [one.probability[0] for one in found], tray.errors

    assert asyncio.run(main()) == ([0.3, 0.6], ["a field is missing", ""])
