"""Requests that come while others are computed are answered together: batches grow with the load, and nobody waits for a timer.

On the event loop this needs no machinery. What has arrived when the loop looks at its sockets is decoded first, then computed
at one go; what arrives meanwhile waits in the sockets for the next look. Feature code that takes milliseconds (pandas) runs in
a thread instead, so that health checks and other models go on, and requests queue here until it is free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError
from evergreen.serving.refusals import as_refusal, refusal, unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from evergreen.serving.answers import Answers

MAX_BATCH_ROWS = 1024
"""Rows after which no further request joins a batch; a single request may have more."""
MAX_INLINE_ROWS = 256
"""Largest batch that is computed on the event loop: some ten milliseconds."""
MAX_WAITING_ROWS = 100_000
"""Rows that may wait; what comes beyond is refused at once instead of late."""


class Call:
    """One request on its way through a batch."""

    __slots__ = ("future", "request_id", "role", "rows", "started")

    def __init__(self, rows: Sequence[Any], request_id: str, role: str, started: float) -> None:
        self.rows = rows
        """Decoded rows, all of one type."""
        self.request_id = request_id
        self.role = role
        self.started = started
        """When it arrived, by `perf_counter`."""
        self.future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()


class Batcher:
    """Computes the answers of one release, batch by batch.

    Args:
        compute: Answers rows of one type, in order.
        keep: Told of every batch before anybody is answered; what it raises is raised to all of them.
        executor: Threads for what would hold up the event loop.
        is_quick: Whether `compute` takes tens of microseconds a row, not milliseconds a call.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Any]], Answers],
        keep: Callable[[Sequence[Call], Sequence[Answers]], None],
        *,
        executor: Executor,
        is_quick: bool,
    ) -> None:
        self._compute = compute
        self._keep = keep
        self._executor = executor
        self._is_quick = is_quick
        self._waiting: deque[Call] = deque()
        self._is_scheduled = False
        self.waiting_rows = 0
        """Rows that nobody computes yet."""
        self.largest_batch = 0
        """Most rows answered at one go so far."""

    def submit(self, call: Call) -> asyncio.Future[Answers]:
        """Queue a request; the future holds its answers once they are kept.

        Raises:
            CallError: Too many rows wait already (503).
        """
        if self.waiting_rows > MAX_WAITING_ROWS:
            raise refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the gateway is busy",
                found=f"{self.waiting_rows} rows are waiting",
                allowed=f"at most {MAX_WAITING_ROWS}",
                remedy="try again in a moment, with fewer requests at a time",
            )
        self._waiting.append(call)
        self.waiting_rows += len(call.rows)
        if not self._is_scheduled:
            self._is_scheduled = True
            # Runs after every request that the loop has read in this turn has been queued.
            asyncio.get_running_loop().call_soon(self._run)
        return call.future

    def _run(self) -> None:
        calls = self._take()
        rows = sum(len(call.rows) for call in calls)
        self.largest_batch = max(self.largest_batch, rows)
        if self._is_quick and rows <= MAX_INLINE_ROWS:
            _tell(self._answered(calls))
            self._go_on()
            return
        answered = asyncio.get_running_loop().run_in_executor(self._executor, self._answered, calls)
        answered.add_done_callback(lambda done: self._resume(calls, done))

    def _resume(self, calls: Sequence[Call], done: asyncio.Future[_Outcome]) -> None:
        if done.cancelled() or done.exception() is not None:
            _tell([(call, unexpected()) for call in calls])
        else:
            _tell(done.result())
        self._go_on()

    def _go_on(self) -> None:
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._run)

    def _take(self) -> list[Call]:
        taken: list[Call] = []
        rows = 0
        while self._waiting and (not taken or rows + len(self._waiting[0].rows) <= MAX_BATCH_ROWS):
            call = self._waiting.popleft()
            rows += len(call.rows)
            taken.append(call)
        self.waiting_rows -= rows
        return taken

    def _attempt(self, calls: Sequence[Call]) -> _Outcome:
        """Compute a group; where one request is at fault, the others are computed without it."""
        try:
            answers = self._compute(calls[0].rows if len(calls) == 1 else [row for call in calls for row in call.rows])
        except Exception as error:
            if len(calls) > 1:
                return [outcome for call in calls for outcome in self._attempt([call])]
            return [(calls[0], as_refusal(error) if isinstance(error, EvergreenError) else error)]
        if len(calls) == 1:
            return [(calls[0], answers)]
        outcomes: _Outcome = []
        first = 0
        for call in calls:
            outcomes.append((call, answers.part(first, first + len(call.rows))))
            first += len(call.rows)
        return outcomes

    def _answered(self, calls: Sequence[Call]) -> _Outcome:
        """Compute a batch and keep what was answered."""
        outcomes = [outcome for group in _groups(calls) for outcome in self._attempt(group)]
        answered = [(call, found) for call, found in outcomes if not isinstance(found, Exception)]
        if not answered:
            return outcomes
        try:
            self._keep([call for call, _ in answered], [found for _, found in answered])
        except Exception as error:
            reason = as_refusal(error) if isinstance(error, EvergreenError) else error
            return [(call, found if isinstance(found, Exception) else reason) for call, found in outcomes]
        return outcomes


_Outcome = list[tuple[Call, "Answers | Exception"]]
"""What came of each request of a batch."""


def _groups(calls: Sequence[Call]) -> list[Sequence[Call]]:
    """Part calls by the type of their rows, with joined columns or without; nearly always there is one group."""
    first = calls[0].rows[0].__class__
    if all(call.rows[0].__class__ is first for call in calls):
        return [calls]
    alike = [call for call in calls if call.rows[0].__class__ is first]
    return [alike, [call for call in calls if call.rows[0].__class__ is not first]]


def _tell(outcomes: _Outcome) -> None:
    for call, found in outcomes:
        if call.future.done():  # whoever waited for it has gone
            continue
        if isinstance(found, Exception):
            call.future.set_exception(found)
        else:
            call.future.set_result(found)


def latency_us(call: Call) -> int:
    """Return how long a request has been here, in microseconds."""
    return int((perf_counter() - call.started) * 1_000_000)
