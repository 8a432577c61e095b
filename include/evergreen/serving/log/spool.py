"""A worker's spool: a folder of its own, a lock that says whether it lives, and a thread that brings answers to the disk.

Whatever `write` has returned from survives the death of the process: it is with the operating system. A power failure, or
the death of the machine, takes what was written since the last `sync`: about a second of answers. Waiting for the disk
before each answer would cost every request what the disk takes for it, milliseconds where an answer takes a tenth of one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from evergreen.files import sync_to_disk
from evergreen.serving.log.model_log import ModelLog
from evergreen.serving.log.personal import PersonalFields
from evergreen.serving.log.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from evergreen.definitions.serving import Serving
    from evergreen.serving.log.record import AnsweringRelease, AnswerRecord
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)

LOCK_NAME = "lock"
"""Held by the worker as long as it lives; the kernel gives it back when it dies."""
NEW_PREFIX = ".new-"
"""Of a worker's folder before it holds its lock; nobody looks into it."""


def spool_folder(settings: Settings) -> Path:
    """Return the folder of all workers' spools on this machine."""
    return settings.home / "gateway" / "spool"


@dataclass(frozen=True)
class SpoolState:
    """What can be said of the spool in figures."""

    used_bytes: int
    """Of all workers on this machine."""
    limit_bytes: int
    waiting_segments: int
    """Complete ones that have not been shipped."""
    oldest_seconds: float
    """How long the oldest of them has waited."""
    damaged_segments: int
    """Complete ones of which a part could not be read; kept for a person to look at."""
    sync_failures: int
    """Times that the disk did not take what was written; answers may be lost if power fails."""
    kept: int
    """Answers of this worker."""
    refused: int
    """Answers that were not given, for lack of room."""
    dropped: int
    """Answers that were given and not kept, for lack of room."""


HASTY_SECONDS = 3.0
"""Age from which the segment of a model is closed whose answers somebody waits for."""


class AnswerSpool:
    """The logs of every model that one worker answers for. May be used from several threads.

    Args:
        root: Folder of all workers' spools.
        limit_bytes: Disk space of all of them together.
        hash_key: Secret for personal fields; empty where none are hashed.
        segment_bytes: Size from which a segment is closed.
        segment_seconds: Age from which a segment is closed.
        clock: Seconds from any beginning.
    """

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int,
        hash_key: str = "",
        segment_bytes: int = 8 * 2**20,
        segment_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self._lock_fd = _own_folder(root)
        self._room = Room(root, limit_bytes)
        self._hash_key = hash_key
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._clock = clock
        self._hastened: frozenset[str] = frozenset()
        self._logs: dict[str, ModelLog] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._sync_failures = 0

    @classmethod
    def open(cls, settings: Settings, *, sync_seconds: float = 1.0) -> Self:
        """Open a worker's spool where the settings say, and keep bringing it to the disk in a thread of its own."""
        spool = cls(spool_folder(settings), limit_bytes=settings.spool_mb * 2**20, hash_key=settings.hash_key)
        spool.start(sync_seconds)
        return spool

    def start(self, sync_seconds: float) -> None:
        """Call `tick` so often, in a thread."""

        def run() -> None:
            while not self._stop.wait(sync_seconds):
                self.tick()

        self._thread = threading.Thread(target=run, name="answer-spool", daemon=True)
        self._thread.start()

    def open_log(self, model: str, serving: Serving) -> ModelLog:
        """Open a model's log, or give an open one the rules of a definition that has changed.

        Raises:
            SettingsError: Fields are to be hashed and there is no key to do it with.
        """
        personal = PersonalFields(serving.personal, self._hash_key)
        with self._lock:
            log = self._logs.get(model)
            if log is None:
                log = ModelLog(self.folder / model, self._room, segment_bytes=self._segment_bytes, clock=self._clock)
                self._logs[model] = log
            log.personal = None if personal.is_empty else personal
            log.drops_when_full = serving.log.when_full == "drop"
        return log

    def hasten(self, models: Collection[str]) -> None:
        """Close the segments of these models, and only theirs, after seconds: somebody waits for their answers."""
        self._hastened = frozenset(models)

    def announce(self, model: str, release: AnsweringRelease) -> None:
        """Make a release known before its first answer."""
        with self._lock:
            self._logs[model].announce(release)

    def write(self, model: str, answers: Sequence[AnswerRecord]) -> None:
        """Keep the answers of a batch, all or none; those of role `probe` are not kept. Call it before they are sent.

        Raises:
            StoreUnavailableError: There is no room, and the definition wants such requests refused.
            RequestError: A release has not been announced.
        """
        with self._lock:
            self._logs[model].write(answers)

    def is_full(self, model: str) -> bool:
        """Return whether a request would be refused for lack of room."""
        log = self._logs.get(model)
        return log is not None and not log.drops_when_full and not self._room.takes(1)

    def tick(self) -> None:
        """Bring everything to the disk, close what is old or large enough, and look how much room there is."""
        now = self._clock()
        with self._lock:
            for model, log in self._logs.items():
                limit = min(HASTY_SECONDS, self._segment_seconds) if model in self._hastened else self._segment_seconds
                if log.segment is not None and now - log.segment.opened_at >= limit:
                    log.end_segment()
        self._flush()
        try:
            self._room.measure_again()
        except OSError:
            logger.exception("the spool cannot be measured")

    def state(self) -> SpoolState:
        """Return the figures."""
        with self._lock:
            logs = list(self._logs.values())
        usage = self._room.usage
        return SpoolState(
            used_bytes=self._room.used_bytes,
            limit_bytes=self._room.limit_bytes,
            waiting_segments=usage.waiting_segments,
            oldest_seconds=usage.oldest_seconds,
            damaged_segments=usage.damaged_segments,
            sync_failures=self._sync_failures,
            kept=sum(log.kept for log in logs),
            refused=sum(log.refused for log in logs),
            dropped=sum(log.dropped for log in logs),
        )

    def close(self) -> None:
        """Close every segment and give the folder up; the shipping finds what is in it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            for log in self._logs.values():
                log.end_segment()
        self._flush()
        os.close(self._lock_fd)

    def _flush(self) -> None:
        """Close the segments that are full and sync the others. Only one thread may do this; writing goes on meanwhile."""
        with self._lock:
            full = [segment for log in self._logs.values() for segment in log.full]
            current = [log.segment for log in self._logs.values() if log.segment is not None]
            for log in self._logs.values():
                log.full.clear()
        for act in [*(segment.close for segment in full), *(segment.sync for segment in current)]:
            try:
                act()
            except OSError:
                self._sync_failures += 1
                logger.exception("answers were written and may not have reached the disk")


def _own_folder(root: Path) -> tuple[Path, int]:
    """Make a worker's folder; it gets its name when it holds a locked lock, so that nobody takes it for a dead worker's."""
    name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    hidden = root / f"{NEW_PREFIX}{name}"
    hidden.mkdir(mode=0o700)
    fd = os.open(hidden / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    folder = hidden.rename(root / name)
    sync_to_disk(root)
    return folder, fd
