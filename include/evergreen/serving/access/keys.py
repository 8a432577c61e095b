"""What a key is: a secret that only its holder has, and an entry that says what it opens.

A key is `evg_<id>_<secret>`, the secret 32 random bytes. The file of keys holds only the SHA-256 of the whole key. Slow hashes
protect passwords, which can be guessed; nobody guesses 256 random bits, so a fast one is as safe here and costs a request a
microsecond instead of a tenth of a second.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Sequence

Right = Literal["predict", "read"]
"""`predict`: ask for answers. `read`: see pages, descriptions and metrics."""
EVERY_MODEL = "*"
PREFIX = "evg_"
ID_CHARACTERS = 8
_SECRET_BYTES = 32


class AccessKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry of the file of keys."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]
    """Stands in the key itself, in listings and in logs; no secret."""
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    """Who or what has the key."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """Of the whole key."""
    models: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names of models, or `*` alone for all of them."""
    may: Annotated[tuple[Right, ...], Meta(min_length=1)]
    requests_per_minute: Annotated[int, Meta(ge=1, le=10_000_000)] | None
    """Of all workers on this machine together; none where there is no limit."""
    expires: date
    """The last day on which the key opens anything, in UTC."""
    revoked_at: datetime | None = None
    """Since when it opens nothing any more."""

    @property
    def ends_at(self) -> datetime:
        """The moment from which the key is too old."""
        return datetime.combine(self.expires + timedelta(days=1), time(), UTC)


def new_key(
    name: str, *, models: Sequence[str], may: Sequence[Right], requests_per_minute: int | None, expires: date
) -> tuple[str, AccessKey]:
    """Make a key.

    Returns:
        The key, which is kept nowhere, and its entry.
    """
    key_id = secrets.token_hex(ID_CHARACTERS // 2)
    key = f"{PREFIX}{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    entry = AccessKey(
        id=key_id,
        name=name,
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        models=tuple(models),
        may=tuple(may),
        requests_per_minute=requests_per_minute,
        expires=expires,
    )
    return key, entry
