"""Challengers in memory: each loaded in a thread of its own, so that one that cannot be loaded holds up nobody."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.serving.breaker import Breaker
from evergreen.serving.challenger import Challenger
from evergreen.serving.release_cache import KnownRelease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.live_models import LiveRelease
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.release_caches import ReleaseCaches
    from evergreen.serving.release_source import Releases

    Publications = Mapping[tuple[str, str], OnlineInputsVersion]

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""A challenger that could not be loaded is tried again after so long."""


@dataclass(frozen=True)
class _Found:
    """A release that was loaded, or as far as that came."""

    features_key: str
    known: KnownRelease
    release: LoadedRelease


@dataclass
class _Slot:
    """The challenger of one rollout."""

    rollout_id: str
    asking: ThreadPoolExecutor
    loading: ThreadPoolExecutor
    future: Future[_Found] | None = None
    """While it is being loaded."""
    stamp: str = ""
    """The text of the definition that it is or was being loaded with."""
    found: _Found | None = None
    challenger: Challenger | None = None
    next_attempt: float = 0.0

    def close(self) -> None:
        """Let its threads go; what they are at, they finish."""
        self.asking.shutdown(wait=False)
        self.loading.shutdown(wait=False)


@dataclass
class Challengers:
    """The challengers of one worker, one for each model at most.

    Args:
        source: Versions and their decisions.
        caches: Their bytes.
        load: Loads a release.
    """

    source: Releases
    caches: ReleaseCaches
    load: Callable[[KnownRelease, ModelDefinition], LoadedRelease]
    _slots: dict[str, _Slot] = field(default_factory=dict)

    def of(self, event: RolloutEvent, publications: Publications, live: LiveRelease) -> Challenger | None:
        """Return the challenger of a rollout, None while it is being loaded for the first time.

        One that could not be loaded is returned as well: it answers nothing and says why. One that was loaded goes on while
        newer inputs are loaded for it, or cannot be.
        """
        slot = self._slots.get(event.model)
        if slot is None or slot.rollout_id != event.rollout_id:
            self.let_go(event.model)
            slot = self._slots[event.model] = _Slot(event.rollout_id, _thread(event, "asked"), _thread(event, "loads"))
        if slot.future is not None and slot.future.done():
            self._take(slot, slot.future, event, live)
            slot.future = None
        if slot.future is None and _is_due(slot, publications, live) and time.monotonic() >= slot.next_attempt:
            slot.stamp = live.definition_stamp
            slot.future = slot.loading.submit(self._found, event, publications, live)
        return slot.challenger

    def release(self, known: KnownRelease, stamp: str) -> LoadedRelease | None:
        """Return a release that is here already, None where it is not, or is another by now."""
        slot = self._slots.get(known.champion.model)
        if slot is None or slot.found is None or (slot.found.known, slot.stamp) != (known, stamp):
            return None
        return slot.found.release

    def let_go(self, model: str) -> None:
        """Forget a model's challenger."""
        slot = self._slots.pop(model, None)
        if slot is not None:
            slot.close()

    def let_go_of_others(self, models: Collection[str]) -> None:
        """Forget the challengers of all models but these."""
        for model in set(self._slots) - set(models):
            self.let_go(model)

    def _found(self, event: RolloutEvent, publications: Publications, live: LiveRelease) -> _Found:
        version = self.source.registered(event.model, event.version)
        self.source.vouch(version)
        key = self.caches.features_key(version)
        known = KnownRelease.of(version, publications.get((event.model, key)))
        return _Found(key, known, self.load(known, live.definition))

    def _take(self, slot: _Slot, done: Future[_Found], event: RolloutEvent, live: LiveRelease) -> None:
        error = done.exception()
        if error is None:
            slot.found = done.result()
            slot.challenger = _challenger(slot, slot.found.release, "", live)
            logger.info("%s: version %s is on trial (%s)", event.model, event.version, event.mode)
            return
        slot.next_attempt = time.monotonic() + RETRY_SECONDS
        problem = error.what if isinstance(error, EvergreenError) else type(error).__name__
        if slot.challenger is None:
            slot.challenger = _challenger(slot, None, problem, live)
            logger.warning("%s: version %s cannot be tried out here", event.model, event.version, exc_info=error)


def _is_due(slot: _Slot, publications: Publications, live: LiveRelease) -> bool:
    """Return whether there is something to be loaded: nothing was so far, or inputs or the definition are newer."""
    if slot.found is None:
        return True
    newest = publications.get((live.release.model, slot.found.features_key))
    return (newest is not None and newest != slot.found.known.online) or slot.stamp != live.definition_stamp


def _challenger(slot: _Slot, release: LoadedRelease | None, problem: str, live: LiveRelease) -> Challenger:
    return Challenger(
        release,
        problem,
        limit_seconds=live.definition.release.trial.limits.time_limit_ms / 1000,
        executor=slot.asking,
        breaker=Breaker(),
    )


def _thread(event: RolloutEvent, what: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"trial-{event.model}-{what}")
