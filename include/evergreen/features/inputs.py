"""What a day's features are made from, as one digest: while it stays the same, the day need not be computed again."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.digests import digest_json
from evergreen.features.windows import raw_windows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.features.code import FeatureCode

FORMAT = 1
"""To be raised when this package computes something else from the same inputs."""


def table_digest(definition: ModelDefinition, code: FeatureCode) -> str:
    """Digest of everything but the rows that decides about a features table; each has an address of its own.

    Where rows come from, the window of the history and the label are left out: they change no feature.
    """
    return digest_json(
        {
            "format": FORMAT,
            "code": code.digest,
            "layout": FeatureLayout.of(definition).digest,
            "slices": sorted({piece.by for piece in definition.gate.slices}),
        }
    )


def release_key(layout: FeatureLayout, code_digest: str) -> str:
    """Digest of what decides about a release's features, as its bundle tells it; equal keys share online inputs.

    Args:
        layout: The layout in the bundle's manifest.
        code_digest: Digest of the bundle's features.py.
    """
    return digest_json({"format": FORMAT, "code": code_digest, "layout": layout.digest})


def input_digests(
    definition: ModelDefinition,
    code: FeatureCode,
    raw_digests: Mapping[str, Mapping[date, str]],
    days: Collection[date],
    as_of: datetime,
) -> dict[date, str]:
    """Digest, for each day, the raw days that may reach its features.

    Args:
        definition: The model.
        code: Its feature code.
        raw_digests: Per table and raw day, the digest of its rows and of those quarantined.
        days: Days whose features are wanted.
        as_of: The run's moment; it matters only where a later row may replace one that was already readable.
    """
    layout = table_digest(definition, code)
    salt = as_of.isoformat() if _rows_are_replaced(definition) else ""
    chains = {name: _chain(table) for name, table in raw_digests.items()}
    found = {}
    for day in days:
        read: dict[str, object] = {}
        for name, window in raw_windows(definition, day, with_entities=code.has_entities).items():
            table = raw_digests[name]
            if definition.data.tables[name].is_reference:
                read[name] = sorted(table.values())
            elif window.first is None:
                read[name] = next((chain for last, chain in reversed(chains[name]) if last <= window.last), "")
            else:
                read[name] = [[d.isoformat(), table[d]] for d in sorted(table) if window.first <= d <= window.last]
        found[day] = digest_json({"layout": layout, "day": day.isoformat(), "read": read, "as_of": salt})
    return found


def _rows_are_replaced(definition: ModelDefinition) -> bool:
    """Whether the declared de-duplication drops an earlier row once its successor is readable."""
    rules = definition.validation.tables
    return any(
        name in rules and rules[name].deduplicate == "keep_last" and table.available_at is not None
        for name, table in definition.data.tables.items()
    )


def _chain(table: Mapping[date, str]) -> list[tuple[date, str]]:
    """Digest of everything up to each day, in order."""
    links = ((day, digest_json([day.isoformat(), table[day]])) for day in sorted(table))
    return list(accumulate(links, lambda before, link: (link[0], digest_json([before[1], link[1]]))))
