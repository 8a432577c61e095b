"""Letting a request in or not, in words that help its sender and nobody else."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from evergreen.errors import AccessError

if TYPE_CHECKING:
    from evergreen.serving.access.key_ring import HeldKey, KeyRing
    from evergreen.serving.access.keys import Right

_SEND_ONE = (
    "send the header authorization: Bearer evg_…, or x-api-key: evg_…; who runs the gateway makes keys: evergreen key new"
)


class Guard:
    """Asks for keys, or for none.

    Args:
        ring: The keys; none for a gateway that is open to whoever reaches it.
    """

    def __init__(self, ring: KeyRing | None = None) -> None:
        self.ring = ring

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key."""
        return self.ring is None

    def start(self) -> None:
        """Begin to follow the keys."""
        if self.ring is not None:
            self.ring.start()

    def stop(self) -> None:
        """End following them."""
        if self.ring is not None:
            self.ring.stop()

    def admit(self, key: bytes) -> HeldKey | None:
        """Return the entry of the key that a request came with, and count it against its rate; none where none is needed.

        Raises:
            AccessError: There is no key, or none that is good (401), or it asks too often (429).
        """
        if self.ring is None:
            return None
        if not key:
            raise _refused(HTTPStatus.UNAUTHORIZED, "no_key", "this gateway wants a key", "a request without one", _SEND_ONE)
        held = self.ring.find(key)
        if held is None:
            raise _refused(HTTPStatus.UNAUTHORIZED, "unknown_key", "the key is not known here", "another one", _SEND_ONE)
        if held.entry.revoked_at is not None:
            raise _ended(held, "revoked_key", "has been revoked")
        if held.is_over:
            raise _ended(held, "expired_key", f"ended on {held.entry.expires}")
        wait = 0.0 if held.rate is None else held.rate.wait_seconds()
        if wait:
            raise _too_often(held, wait)
        return held

    def sees_all(self, key: bytes) -> bool:
        """Return whether a key may read of every model; such a look is not counted."""
        if self.ring is None:
            return True
        held = self.ring.find(key) if key else None
        return held is not None and held.entry.revoked_at is None and not held.is_over and held.opens("", "read")


def require(held: HeldKey | None, model: str, right: Right) -> None:
    """Refuse what a key does not open.

    Args:
        held: Whose; none where no key is needed.
        model: About which model; empty for what tells of all of them.
        right: To do what.

    Raises:
        AccessError: With status 403. It does not tell whether there is such a model.
    """
    if held is None or held.opens(model, right):
        return
    entry = held.entry
    raise _refused(
        HTTPStatus.FORBIDDEN,
        "scope",
        "the key does not open this",
        f"key {entry.id} may {' and '.join(entry.may)}: {', '.join(entry.models[:20])}",
        "ask with another key, or have one made that may",
        allowed=f"a key that may {right}: {model[:80] or 'every model (*)'}",
    )


def _refused(
    status: int, reason: str, what: str, found: str, remedy: str, allowed: str = "a key of this gateway"
) -> AccessError:
    error = AccessError(what, found=found, allowed=allowed, remedy=remedy)
    error.status, error.reason = status, reason
    return error


def _ended(held: HeldKey, reason: str, words: str) -> AccessError:
    return _refused(
        HTTPStatus.UNAUTHORIZED, reason, "the key opens nothing any more", f"key {held.entry.id} {words}", "have a new one made"
    )


def _too_often(held: HeldKey, wait_seconds: float) -> AccessError:
    error = _refused(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate",
        "the key is used too often",
        f"more than {held.entry.requests_per_minute} requests a minute with key {held.entry.id}",
        f"wait {math.ceil(wait_seconds)} s, and send several rows in one request",
        allowed=f"{held.entry.requests_per_minute} requests a minute",
    )
    error.retry_after_seconds = math.ceil(wait_seconds)
    return error
