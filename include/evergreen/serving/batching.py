"""Requests that come while others are computed are answered together: batches grow with the load, and nobody waits for a timer.

On the event loop this needs no machinery. What has arrived when the loop looks at its sockets, twice, is decoded first, then
computed at one go; what arrives meanwhile waits in the sockets for the next look. Feature code that takes milliseconds (pandas)
runs in a thread instead, so that health checks and other models go on, and requests queue here until it is free.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

from evergreen.serving.refusals import refusal, unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.serving.answering import Answering, Call, Outcomes
    from evergreen.serving.answers import Answers

logger = logging.getLogger(__name__)

MAX_BATCH_ROWS = 1024
"""Rows after which no further request joins a batch; a single request may have more."""
MAX_INLINE_ROWS = 256
"""Largest batch that is computed on the event loop: some ten milliseconds."""
MAX_WAITING_ROWS = 100_000
"""Rows that may wait; what comes beyond is refused at once instead of late."""


class Batcher:
    """Gathers requests into batches and has each answered, one batch after the other.

    Args:
        answering: Answers a batch.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._waiting: deque[Call] = deque()
        self._tasks: set[asyncio.Task[Outcomes]] = set()
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
            # One more turn of the loop first: it reads what has come to its sockets meanwhile. A turn costs microseconds,
            # and what a batch costs besides its rows is shared by more of them; half as many requests again, measured.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._run)
        return call.future

    def _run(self) -> None:
        calls = self._take()
        rows = sum(len(call.rows) for call in calls)
        self.largest_batch = max(self.largest_batch, rows)
        if self._answering.is_quick and rows <= MAX_INLINE_ROWS:
            try:
                _tell(self._answering.at_once(calls))
            except Exception:  # a batch that went wrong must not leave the next one waiting for ever
                logger.exception("a batch of %d requests", len(calls))
                _tell([(call, unexpected()) for call in calls])
            self._go_on()
            return
        task = asyncio.get_running_loop().create_task(self._answering.beside(calls))
        self._tasks.add(task)  # the loop itself holds a task only weakly
        task.add_done_callback(lambda done: self._resume(calls, done))

    def _resume(self, calls: Sequence[Call], done: asyncio.Task[Outcomes]) -> None:
        self._tasks.discard(done)
        if done.cancelled() or done.exception() is not None:
            logger.error("a batch of %d requests", len(calls), exc_info=None if done.cancelled() else done.exception())
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


def _tell(outcomes: Outcomes) -> None:
    for call, found in outcomes:
        if call.future.done():  # whoever waited for it has gone
            continue
        if isinstance(found, Exception):
            call.future.set_exception(found)
        else:
            call.future.set_result(found)
