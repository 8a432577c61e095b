"""Champion and challenger answer the same requests, row by row the same, in batches that are the same for both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evergreen.serving.answering import kept, timed
from evergreen.serving.records import Trying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from evergreen.serving.answering import Asked, Call, Outcomes
    from evergreen.serving.answers import Answers
    from evergreen.serving.challenger import Challenger, Tried
    from evergreen.serving.loaded_release import LoadedRelease


class Paired:
    """Asks both. A request is answered by the challenger where its answer is sound, else by the champion.

    Args:
        champion: The champion; what it refuses is refused.
        challenger: The challenger on trial.
        keep: Told of every batch before anybody is answered.
        executor: Threads for a champion that would hold up the event loop.
    """

    def __init__(
        self,
        champion: LoadedRelease,
        challenger: Challenger,
        keep: Callable[[Sequence[Trying]], None],
        *,
        executor: Executor,
    ) -> None:
        self._champion = champion
        self._challenger = challenger
        self._keep = keep
        self._executor = executor

    @property
    def is_quick(self) -> bool:
        """Whether neither holds up the event loop."""
        return self._champion.is_quick and self._challenger.is_quick

    def at_once(self, calls: Sequence[Call]) -> Outcomes:
        """Ask both on the event loop."""
        outcomes, champion_us = timed(self._champion.answer, calls)
        return self._finished(outcomes, champion_us, self._challenger.at_once(_asked(outcomes)))

    async def beside(self, calls: Sequence[Call]) -> Outcomes:
        """Ask both in threads, the challenger for no longer than callers would wait."""
        loop = asyncio.get_running_loop()
        outcomes, champion_us = await loop.run_in_executor(self._executor, timed, self._champion.answer, calls)
        return self._finished(outcomes, champion_us, await self._challenger.beside(_asked(outcomes)))

    def _finished(self, outcomes: Outcomes, champion_us: int, tried: Iterable[Tried]) -> Outcomes:
        following = iter(tried)
        tryings = [Trying(call, found, champion_us, next(following)) for call, found in _answered(outcomes)]
        of_call = {id(one.call): one for one in tryings}
        given: Outcomes = [
            (call, found if isinstance(found, Exception) else _given(of_call[id(call)])) for call, found in outcomes
        ]
        return kept(given, lambda _calls, _answers: self._keep(tryings))


def _given(one: Trying) -> Answers:
    if one.tried.answers is None:
        return one.said
    one.call.by_challenger = True
    return one.tried.answers


def _answered(outcomes: Outcomes) -> list[tuple[Call, Answers]]:
    return [(call, found) for call, found in outcomes if not isinstance(found, Exception)]


def _asked(outcomes: Outcomes) -> list[Asked]:
    return [call.asked for call, _ in _answered(outcomes) if call.asked is not None]
