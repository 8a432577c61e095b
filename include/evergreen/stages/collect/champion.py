"""Who was the champion at an as-of. Pure.

The timeline tells by the wall clock when the champion moved, a night pretends to be another moment. So a promotion counts from
the as-of of its decision. A rollback has no decision of its own: it counts from as long after the promotion before it as went
by on the wall clock. In a live system both clocks run alike and that is the moment of the rollback; where months are replayed
in minutes, it is the moment of the release that was taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evergreen.registry.timeline import ReleaseEvent


@dataclass(frozen=True)
class Reign:
    """One version as champion."""

    version: str
    decision_id: str
    since: datetime
    """From this as-of on."""
    replaced: str | None = None
    """The version before it, for a promotion."""


def reigns(moves: Sequence[ReleaseEvent], decided: Mapping[str, datetime]) -> list[Reign]:
    """Return each move of the champion with the as-of from which it counts, the oldest first.

    Args:
        moves: A model's timeline, in any order.
        decided: As-of of each decision, by its id.

    Raises:
        UndecidedError: A promotion's decision is not there.
    """
    found: list[Reign] = []
    promotion: ReleaseEvent | None = None
    for move in sorted(moves, key=lambda event: event.generation):
        if move.action == "promote":
            promotion = move
        if promotion is None or promotion.decision_id not in decided:
            raise _undecided(move)
        since = decided[promotion.decision_id] + (move.happened_at - promotion.happened_at)
        replaced = move.previous_version if move.action == "promote" else None
        found.append(Reign(move.version, move.decision_id, since, replaced))
    return found


def reign_at(found: Sequence[Reign], as_of: datetime) -> Reign | None:
    """Return the last move that counts at an as-of; None before the first."""
    return next((reign for reign in reversed(found) if reign.since <= as_of), None)


def versions_by(found: Sequence[Reign], as_of: datetime) -> frozenset[str]:
    """Return every version that had been released by an as-of; what others say of a day is later knowledge."""
    return frozenset(reign.version for reign in found if reign.since <= as_of)


def _undecided(move: ReleaseEvent) -> UndecidedError:
    return UndecidedError(
        "a release has no decision record",
        found=f"generation {move.generation} of {move.model}, version {move.version}, decision {move.decision_id}",
        allowed="a timeline whose every release was decided on",
        remedy="restore the database from a backup",
    )
