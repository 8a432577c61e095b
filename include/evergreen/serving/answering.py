"""Requests and what comes of them: computed together where they can be, each alone where one of them is at fault."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from evergreen.errors import EvergreenError
from evergreen.serving.refusals import as_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from evergreen.serving.answers import Answers


class HasRows(Protocol):
    """Something that asks about rows."""

    @property
    def rows(self) -> Sequence[Any]:
        """Decoded rows, all of one type."""
        ...


Asking = TypeVar("Asking", bound=HasRows)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a challenger is asked: a request's rows by its own schema."""

    rows: Sequence[Any]
    error: str = ""
    """Why the request is no request to the challenger; it has no rows then."""


class Call:
    """One request on its way through a batch."""

    __slots__ = ("asked", "by_challenger", "future", "request_id", "role", "rows", "started")

    def __init__(self, rows: Sequence[Any], request_id: str, role: str, started: float, asked: Asked | None = None) -> None:
        self.rows = rows
        """Decoded rows, all of one type."""
        self.request_id = request_id
        self.role = role
        self.started = started
        """When it arrived, by `perf_counter`."""
        self.asked = asked
        """What a challenger on trial is asked; None where nobody is."""
        self.by_challenger = False
        """Whether the answer is the challenger's."""
        self.future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()


Outcomes = list[tuple[Call, "Answers | Exception"]]
"""What came of each request of a batch, in their order."""


class Answering(Protocol):
    """How a batch of requests is answered."""

    @property
    def is_quick(self) -> bool:
        """Whether a batch may be answered on the event loop: tens of microseconds a row, not milliseconds a call."""
        ...

    def at_once(self, calls: Sequence[Call]) -> Outcomes:
        """Answer a small batch on the event loop."""
        ...

    async def beside(self, calls: Sequence[Call]) -> Outcomes:
        """Answer a batch while the event loop goes on."""
        ...


class Alone:
    """One release answers.

    Args:
        compute: Answers rows of one type, in order.
        keep: Told of every batch before anybody is answered, with the microseconds it took; what it raises is raised to all.
        executor: Threads for what would hold up the event loop.
        is_quick: Whether `compute` takes tens of microseconds a row, not milliseconds a call.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Any]], Answers],
        keep: Callable[[Sequence[Call], Sequence[Answers], int], None],
        *,
        executor: Executor,
        is_quick: bool,
    ) -> None:
        self._compute = compute
        self._keep = keep
        self._executor = executor
        self.is_quick = is_quick

    def at_once(self, calls: Sequence[Call]) -> Outcomes:
        """Compute a batch and keep what was answered."""
        outcomes, took_us = timed(self._compute, calls)
        return kept(outcomes, lambda answered, answers: self._keep(answered, answers, took_us))

    async def beside(self, calls: Sequence[Call]) -> Outcomes:
        """Do the same in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.at_once, calls)


def timed(
    compute: Callable[[Sequence[Any]], Answers], calls: Sequence[Asking]
) -> tuple[list[tuple[Asking, Answers | Exception]], int]:
    """Compute the answers of some requests, whose rows may be of two types; also return the microseconds it took."""
    began = perf_counter()
    outcomes = [outcome for group in _groups(calls) for outcome in _attempt(compute, group)]
    return outcomes, int((perf_counter() - began) * 1_000_000)


def kept(outcomes: Outcomes, keep: Callable[[Sequence[Call], Sequence[Answers]], None]) -> Outcomes:
    """Keep what was answered, and return what came of it: where it cannot be kept, nobody is answered."""
    answered = [(call, found) for call, found in outcomes if not isinstance(found, Exception)]
    if not answered:
        return outcomes
    try:
        keep([call for call, _ in answered], [found for _, found in answered])
    except Exception as error:
        reason = as_refusal(error) if isinstance(error, EvergreenError) else error
        return [(call, found if isinstance(found, Exception) else reason) for call, found in outcomes]
    return outcomes


def latency_us(call: Call) -> int:
    """Return how long a request has been here, in microseconds."""
    return int((perf_counter() - call.started) * 1_000_000)


def _attempt(compute: Callable[[Sequence[Any]], Answers], calls: Sequence[Asking]) -> list[tuple[Asking, Answers | Exception]]:
    """Compute a group; where one request is at fault, the others are computed without it."""
    try:
        answers = compute(calls[0].rows if len(calls) == 1 else [row for call in calls for row in call.rows])
    except Exception as error:
        if len(calls) > 1:
            return [outcome for call in calls for outcome in _attempt(compute, [call])]
        return [(calls[0], as_refusal(error) if isinstance(error, EvergreenError) else error)]
    if len(calls) == 1:
        return [(calls[0], answers)]
    outcomes: list[tuple[Asking, Answers | Exception]] = []
    first = 0
    for call in calls:
        outcomes.append((call, answers.part(first, first + len(call.rows))))
        first += len(call.rows)
    return outcomes


def _groups(calls: Sequence[Asking]) -> list[Sequence[Asking]]:
    """Part calls by the type of their rows, with joined columns or without; nearly always there is one group."""
    if not calls:
        return []
    first = calls[0].rows[0].__class__
    if all(call.rows[0].__class__ is first for call in calls):
        return [calls]
    alike = [call for call in calls if call.rows[0].__class__ is first]
    return [alike, [call for call in calls if call.rows[0].__class__ is not first]]
