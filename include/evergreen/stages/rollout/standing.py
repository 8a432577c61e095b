"""Where a rollout stands, by its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.registry.rollout_events import RolloutEvent


@dataclass(frozen=True)
class Standing:
    """A rollout, as seen by whoever waits for one of its steps."""

    newest: RolloutEvent
    began: RolloutEvent
    """The event with which the step began."""
    trial_began_at: datetime

    @classmethod
    def of(cls, events: Sequence[RolloutEvent], step: int) -> Self | None:
        """Read it from a rollout's events, newest first; None where this step never began."""
        began = next((event for event in events if event.action == "step" and event.step == step), None)
        return None if began is None else cls(events[0], began, events[-1].happened_at)

    @property
    def ended_as(self) -> Literal["promoted", "rolled_back"] | None:
        """How somebody has ended it; None while it is on."""
        action = self.newest.action
        return action if action == "promoted" or action == "rolled_back" else None

    @property
    def paused(self) -> str:
        """Who has paused it, and why; empty where nobody has."""
        event = self.newest
        return f"by {event.actor}: {'; '.join(event.reasons)}" if event.is_paused else ""
