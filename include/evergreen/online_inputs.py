"""What the features of a request need besides the request: published every night, read by the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa


@dataclass(frozen=True)
class OnlineInputs:
    """One publication, in memory."""

    as_of: datetime
    """The nightly moment of the entity features."""
    features_key: str
    """Which features these are for, by `features.inputs.release_key`."""
    digest: str
    """Digest of the manifest under which they are kept; empty before they are."""
    row_types: dict[str, str]
    """Fields of a request, in order, and their types: `string`, `integer`, `number`, `boolean` or `timestamp`."""
    entities: dict[str, pa.Table]
    """The frames of `entity_features`, by name."""
    joined: dict[str, pa.Table]
    """Per joined table, in the order of the joins: its own columns and, but for a reference table, `_event_time` and
    `_readable_from`."""
