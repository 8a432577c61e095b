"""Fields that tell of a person, dealt with before anything reaches a disk."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.definitions.serving import Personal
    from evergreen.serving.log.record import AnsweringRelease, AnswerRecord, FeatureValue


class PersonalFields:
    """Drops and hashes what a definition declares, in the inputs, in the key and in features of the same name.

    A hash is HMAC-SHA256 with a key of this installation: equal values stay equal, and without the key nobody can try values
    out. A key of several fields is hashed as one text as soon as one of them is personal.

    Args:
        personal: What the definition declares.
        hash_key: The secret; needed where something is to be hashed.

    Raises:
        SettingsError: Fields are to be hashed and there is no secret.
    """

    def __init__(self, personal: Personal, hash_key: str) -> None:
        if personal.hash and not hash_key:
            raise SettingsError(
                "personal fields are to be hashed, and there is no key to hash them with",
                found=f"`serving.personal.hash` names {', '.join(personal.hash[:10])}; EVERGREEN_HASH_KEY is not set",
                allowed="a secret of this installation, the same for every gateway",
                remedy="set EVERGREEN_HASH_KEY to a long random text and keep it: another one gives other hashes",
            )
        self._drop = frozenset(personal.drop)
        self._hash = frozenset(personal.hash)
        self._secret = hash_key.encode()

    @property
    def is_empty(self) -> bool:
        """Whether everything may be kept as it is."""
        return not (self._drop or self._hash)

    def without(self, answer: AnswerRecord, release: AnsweringRelease) -> AnswerRecord:
        """Return an answer that tells of nobody."""
        is_personal_key = not self._hash.isdisjoint(release.key)
        return msgspec.structs.replace(
            answer,
            key=self.hashed(answer.key) if is_personal_key else answer.key,
            inputs=self._inputs(answer.inputs),
            features=self._features(answer.features, release),
        )

    def hashed(self, value: object) -> str:
        """Return the keyed hash of a value's text: 64 hexadecimal characters."""
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        return hmac.digest(self._secret, text.encode(), "sha256").hex()

    def _inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.hashed(value) if name in self._hash and value is not None else value
            for name, value in inputs.items()
            if name not in self._drop
        }

    def _features(self, values: list[FeatureValue], release: AnsweringRelease) -> list[FeatureValue]:
        """Return the values without those that hand a personal field through; a number cannot be hashed and is left out."""
        numeric = len(release.numeric)
        return [
            value
            if name not in self._drop and name not in self._hash
            else (self.hashed(value) if name in self._hash and value is not None and place >= numeric else None)
            for place, (name, value) in enumerate(zip(release.features, values, strict=True))
        ]
