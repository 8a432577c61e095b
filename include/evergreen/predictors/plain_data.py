"""A model, or what is said about one, as canonical JSON."""

from __future__ import annotations

import json

from evergreen.results import Result


class PlainData(Result):
    """A value with one text: the same content gives the same bytes, whatever the process, locale or hash seed."""

    def to_bytes(self) -> bytes:
        """Return the canonical text: sorted keys, shortest floats that read back exactly, NaN refused, one final newline."""
        return (json.dumps(self.to_xcom(), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
