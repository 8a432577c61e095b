"""A release on trial in one worker: asked within limits, and never trusted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError
from evergreen.serving.answering import Asked, timed
from evergreen.serving.breaker import MOST_FAILURES, Breaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from evergreen.serving.answers import Answers
    from evergreen.serving.loaded_release import LoadedRelease

_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class Tried:
    """What came of asking a challenger."""

    answers: Answers | None
    error: str = ""
    """Why there is no answer that could be given to a caller."""
    compute_us: int = 0
    """How long it took for all that it was asked at one go."""


class Challenger:
    """A challenger in this worker.

    Args:
        release: The release; None where it could not be loaded.
        problem: Why not.
        limit_seconds: How long callers wait for it.
        executor: A thread of its own: one that hangs holds up nobody else.
        breaker: Stops asking where it keeps failing.
    """

    def __init__(
        self,
        release: LoadedRelease | None,
        problem: str,
        *,
        limit_seconds: float,
        executor: Executor,
        breaker: Breaker,
    ) -> None:
        self.release = release
        self.problem = problem
        self.breaker = breaker
        self._limit_seconds = limit_seconds
        self._executor = executor
        self._late: asyncio.Future[Any] | None = None

    @property
    def is_quick(self) -> bool:
        """Whether asking it cannot hold up the event loop: none of its own code runs, or nothing does."""
        return self.release is None or self.release.is_quick

    def at_once(self, asked: Sequence[Asked]) -> list[Tried]:
        """Ask on the event loop; one result for each request."""
        release, reason = self._reason_not_to()
        if release is None:
            return [Tried(None, reason)] * len(asked)
        return self._judged(asked, *timed(release.answer, [one for one in asked if not one.error]))

    async def beside(self, asked: Sequence[Asked]) -> list[Tried]:
        """Ask in a thread, and wait for so long as callers would."""
        release, reason = self._reason_not_to()
        if release is None:
            return [Tried(None, reason)] * len(asked)
        if self._late is not None and not self._late.done():
            return [self._failed("it is still busy with an earlier request") for _ in asked]
        readable = [one for one in asked if not one.error]
        try:
            running = asyncio.get_running_loop().run_in_executor(self._executor, timed, release.answer, readable)
        except RuntimeError:  # its thread has been let go meanwhile
            return [Tried(None, "its trial is over")] * len(asked)
        done, _ = await asyncio.wait({running}, timeout=self._limit_seconds)
        if not done:
            self._late = running
            running.add_done_callback(lambda late: late.cancelled() or late.exception())
            late = int(self._limit_seconds * 1_000_000)
            return [self._failed(one.error or self._too_late(), late) for one in asked]
        return self._judged(asked, *running.result())

    def _reason_not_to(self) -> tuple[LoadedRelease | None, str]:
        if self.release is None:
            return None, f"not loaded: {self.problem}"[:_ERROR_CHARACTERS]
        if self.breaker.is_open:
            return None, f"not asked: {MOST_FAILURES} requests in a row have failed"
        return self.release, ""

    def _judged(
        self, asked: Sequence[Asked], outcomes: Sequence[tuple[Asked, Answers | Exception]], took_us: int
    ) -> list[Tried]:
        too_late = self._too_late() if took_us > self._limit_seconds * 1_000_000 else ""
        found = iter(outcomes)
        return [
            self._failed(one.error, took_us) if one.error else self._judge(next(found)[1], too_late, took_us) for one in asked
        ]

    def _judge(self, found: Answers | Exception, too_late: str, took_us: int) -> Tried:
        if isinstance(found, Exception):
            return self._failed(_described(found), took_us)
        wrong = [value for value in found.probability if not 0.0 <= value <= 1.0]  # NaN lies nowhere
        if wrong or too_late:
            return self._failed(f"{wrong[0]} is no probability" if wrong else too_late, took_us)
        self.breaker.note(True)
        return Tried(found, compute_us=took_us)

    def _failed(self, error: str, took_us: int = 0) -> Tried:
        self.breaker.note(False)
        return Tried(None, error[:_ERROR_CHARACTERS], took_us)

    def _too_late(self) -> str:
        return f"no answer within {self._limit_seconds * 1000:g} ms"


def _described(error: Exception) -> str:
    """Return what went wrong without a word of what was sent: it may be personal."""
    if not isinstance(error, EvergreenError):
        return type(error).__name__
    return error.what + (f" ({type(error.__cause__).__name__})" if error.__cause__ is not None else "")
