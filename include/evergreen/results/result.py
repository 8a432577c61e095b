"""The base of what stages hand on: frozen, and the same after it has been JSON."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base of every value a stage returns; crosses tasks as plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_xcom(self) -> dict[str, Any]:
        """Return the value as JSON types, fit for an XCom."""
        return self.model_dump(mode="json")

    @classmethod
    def from_xcom(cls, value: object) -> Self:
        """Restore the value from what `to_xcom` returned."""
        return cls.model_validate(value)


def canonical_bytes(value: Result) -> bytes:
    """Return a value as canonical JSON: sorted keys, finite numbers, no spaces; the same value, the same bytes."""
    return json.dumps(value.to_xcom(), sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
