"""The keys that open the gateway now: those of the file, looked at every second."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.serving.access.key_file import read_keys
from evergreen.serving.access.keys import EVERY_MODEL, ID_CHARACTERS, PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.serving.access.keys import AccessKey, Right
    from evergreen.serving.access.rates import KeyRate, KeyRates

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LONGEST_KEY = 200
"""Bytes; longer ones are not even hashed."""
_ID = slice(len(PREFIX), len(PREFIX) + ID_CHARACTERS)
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as requests are compared with it."""

    entry: AccessKey
    digest: bytes
    ends_unix: float
    rate: KeyRate | None

    def opens(self, model: str, right: Right) -> bool:
        """Return whether it may be used so; an empty model means what tells of all of them."""
        models = self.entry.models
        return right in self.entry.may and (models[0] == EVERY_MODEL or (model != "" and model in models))

    @property
    def is_over(self) -> bool:
        """Whether its last day has passed."""
        return time() >= self.ends_unix


class KeyRing:
    """The keys of a file, as one worker has them.

    A file that cannot be used any more changes nothing: keys that opened the gateway go on, no other does, and `problem` says
    so.

    Args:
        path: The file of keys.
        rates: How often each may ask.

    Raises:
        SettingsError: The file cannot be used.
    """

    def __init__(self, path: Path, rates: KeyRates) -> None:
        self._path = path
        self._rates = rates
        self.problem: EvergreenError | None = None
        """Why the file cannot be used now."""
        self._held: dict[bytes, HeldKey] = {}
        self._stamp = self._stamp_now()
        self._hold(read_keys(path))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._held)

    def find(self, key: bytes) -> HeldKey | None:
        """Return the entry of a key that somebody has sent; none where it is not one of ours. Takes as long for either."""
        if len(key) > LONGEST_KEY:
            return None
        held = self._held.get(key[_ID])
        is_it = hmac.compare_digest(hashlib.sha256(key).digest(), _NO_DIGEST if held is None else held.digest)
        return held if is_it else None

    def refresh(self) -> None:
        """Look whether the file has changed, and take what it says if it can be used."""
        stamp = self._stamp_now()
        if stamp == self._stamp and self.problem is None:
            return
        try:
            keys = read_keys(self._path)
        except EvergreenError as error:
            if self.problem is None or self.problem.found != error.found:
                logger.warning("the keys stay as they are: %s", error)
            self.problem = error
        else:
            self._hold(keys)
            self.problem, self._stamp = None, stamp
            logger.info("%d keys, as %s says", len(keys), self._path)

    def start(self) -> None:
        """Look every second, in a thread."""
        self._thread = threading.Thread(target=self._follow, name="gateway-keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _follow(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.refresh()
            except Exception:
                logger.exception("looking at the keys failed")

    def _hold(self, keys: tuple[AccessKey, ...]) -> None:
        # One assignment: a request sees the old keys or the new ones.
        self._held = {
            key.id.encode(): HeldKey(
                key,
                bytes.fromhex(key.sha256),
                key.ends_at.timestamp(),
                None if key.requests_per_minute is None else self._rates.of(key.id, key.requests_per_minute),
            )
            for key in keys
        }

    def _stamp_now(self) -> tuple[int, int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
