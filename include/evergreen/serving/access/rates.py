"""How often a key may ask, counted by all workers of a machine together.

The generic cell rate algorithm (ITU-T I.371): of each key one number is kept, the moment at which its next request is due. It
lies in eight bytes of a file that every worker has mapped, so that a request costs no system call and no worker waits for
another. Two workers that count in the very same microsecond may count one request between them.
"""

from __future__ import annotations

import logging
import mmap
import os
from struct import Struct
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

AT_ONCE_SECONDS = 10.0
"""Who has been silent may send at once what its rate allows in this time; one request in any case."""
_DUE = Struct("d")


class KeyRate:
    """The rate of one key.

    Args:
        state: Eight bytes, shared by all who count.
        per_minute: Requests that are allowed a minute.
    """

    __slots__ = ("_gap", "_slack", "_state")

    def __init__(self, state: mmap.mmap | bytearray, per_minute: int) -> None:
        self._state = state
        self._gap = 60.0 / per_minute
        self._slack = max(0.0, AT_ONCE_SECONDS - self._gap)

    def wait_seconds(self, now: float | None = None) -> float:
        """Count a request; return 0, or for how long it comes too early. One that comes too early is not counted.

        Args:
            now: Seconds of the machine's monotonic clock.
        """
        now = monotonic() if now is None else now
        (due,) = _DUE.unpack_from(self._state)
        if not due <= now + self._slack + self._gap + 1.0:  # of another boot or rate, or no number
            due = now
        early = due - now - self._slack
        if early > 1e-9:
            return float(early)
        _DUE.pack_into(self._state, 0, max(due, now) + self._gap)
        return 0.0


class KeyRates:
    """The rates of all keys.

    Args:
        folder: Where workers share them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._states: dict[str, mmap.mmap | bytearray] = {}

    def of(self, key_id: str, per_minute: int) -> KeyRate:
        """Return a key's rate; what has been counted stays counted."""
        state = self._states.get(key_id)
        if state is None:
            state = self._states[key_id] = self._open(key_id)
        return KeyRate(state, per_minute)

    def _open(self, key_id: str) -> mmap.mmap | bytearray:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / key_id, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(descriptor, _DUE.size)
                return mmap.mmap(descriptor, _DUE.size)
            finally:
                os.close(descriptor)
        except OSError as error:
            logger.warning("each worker counts the requests of key %s for itself: %s", key_id, error)
            return bytearray(_DUE.size)
