"""Keyed hashes of what is to be forgotten: the list of erasures must not be a list of the people in it."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

from evergreen.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAKE_A_KEY = "export EVERGREEN_HASH_KEY=$(openssl rand -hex 32)"
"""For an installation that has none yet, and only for such a one."""


class ErasureHash:
    """HMAC-SHA256 with `EVERGREEN_HASH_KEY`; without the key nobody can try values out.

    Args:
        hash_key: The secret.
        model: Name of the model: the same value has another hash for another model.

    Raises:
        SettingsError: There is no secret.
    """

    def __init__(self, hash_key: str, model: str) -> None:
        if not hash_key:
            raise SettingsError(
                "what is erased is remembered by a keyed hash, and there is no key to hash it with",
                found=f"EVERGREEN_HASH_KEY is not set, for model {model}",
                allowed="the secret of this installation, the same in every process that takes rows in or ships answers",
                remedy=f"set EVERGREEN_HASH_KEY to the one you have, or `{MAKE_A_KEY}`; keep it, then run again",
            )
        self._secret = hash_key.encode()
        self._model = model

    @property
    def key_id(self) -> str:
        """What tells one secret from another: a hash of nothing under it."""
        return self._digest("evergreen erasure key")[:32]

    def of_values(self, columns: Sequence[str], texts: Sequence[str]) -> str:
        """Return the hash of the values of some columns, each written as `values.written` does."""
        return self._digest(json.dumps(["values", self._model, sorted(zip(columns, texts, strict=True))]))

    def of_row_key(self, key: str) -> str:
        """Return the hash of a row's key as `features.keys.key_text` writes it."""
        return self._digest(f"key\0{self._model}\0{key}")  # a model's name holds no NUL: no two are alike

    def of_personal_field(self, text: str) -> str:
        """Return what the gateway's log keeps in place of a field that `serving.personal.hash` names."""
        return self._digest(text)

    def _digest(self, text: str) -> str:
        # Text from outside may hold halves of characters, which no encoding but this takes.
        return hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()
