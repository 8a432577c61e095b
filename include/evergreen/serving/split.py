"""Who is asked in a rollout: decided by a stable hash, the same in every worker and on every machine."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACES = 1 << 64


def place(rollout_id: str, values: Iterable[object]) -> float:
    """Return where a caller stands in a rollout: evenly spread from 0, itself inside, to 1.

    A caller is asked where its place lies below the step's share. As the share grows those who are asked stay; another rollout
    asks others first.

    Args:
        rollout_id: The rollout.
        values: What tells callers apart, in a fixed order.
    """
    text = "\x1f".join(map(str, values))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=rollout_id.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / _PLACES
