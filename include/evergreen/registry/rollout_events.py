"""What happened in a rollout: steps, pauses, its end. A model's last event is where its rollout stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, func, insert, select

from evergreen.registry.schema import rollouts
from evergreen.results import Result

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

RolloutAction = Literal["step", "pause", "resume", "promoted", "rolled_back"]
ENDS: tuple[RolloutAction, ...] = ("promoted", "rolled_back")


class RolloutEvent(Result):
    """One event, with everything that holds from then on."""

    model: str
    sequence: int
    """1 for a model's first event, one more with every other."""
    rollout_id: str
    """The decision that promotes the challenger: a decision is rolled out once."""
    action: RolloutAction
    """`step`: a step begins. `pause`: the step goes on and does not end; `resume`: it may. `promoted` and `rolled_back` end the
    rollout."""
    mode: Literal["shadow", "canary", "blue_green"]
    version: str
    """The challenger."""
    champion_version: str
    """The champion that it was judged against and that answers beside it."""
    step: int
    """From 1."""
    steps: int
    share: float
    """Part of the callers that the challenger is asked for; 0 at the end."""
    key: tuple[str, ...]
    """Fields that decide who is asked; empty for the key of the rows."""
    reasons: tuple[str, ...]
    evidence_uri: str = ""
    """What was decided on, where something was."""
    evidence_digest: str = ""
    actor: str
    request_id: str | None = None
    """Names the request, so that asking twice does it once."""
    expires_at: AwareDatetime
    """The champion answers alone from then on, whatever became of whoever watched."""
    happened_at: AwareDatetime

    @property
    def has_ended(self) -> bool:
        """Whether the rollout is over."""
        return self.action in ENDS

    @property
    def is_paused(self) -> bool:
        """Whether a person keeps the step from ending."""
        return self.action == "pause"

    def is_on(self, now: datetime) -> bool:
        """Whether the challenger is tried out at a moment."""
        return not self.has_ended and now < self.expires_at


def newest_event(connection: Connection, model: str) -> RolloutEvent | None:
    """Return where a model's newest rollout stands, None before the first."""
    return _first(connection, rollouts.c.model == model)


def newest_event_of(connection: Connection, model: str, rollout_id: str) -> RolloutEvent | None:
    """Return where one rollout stands, None before its first step."""
    return _first(connection, (rollouts.c.model == model) & (rollouts.c.rollout_id == rollout_id))


def rollout_event_of_request(connection: Connection, model: str, request_id: str) -> RolloutEvent | None:
    """Return the event that a request already brought about."""
    return _first(connection, (rollouts.c.model == model) & (rollouts.c.request_id == request_id))


def newest_events(connection: Connection) -> list[RolloutEvent]:
    """Return where the newest rollout of every model stands, by model; one query."""
    newest = select(rollouts.c.model, func.max(rollouts.c.sequence).label("sequence")).group_by(rollouts.c.model).subquery()
    same = (rollouts.c.model == newest.c.model) & (rollouts.c.sequence == newest.c.sequence)
    query = select(rollouts).join(newest, same).order_by(rollouts.c.model)
    return [RolloutEvent.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def list_rollout_events(
    connection: Connection, model: str, *, rollout_id: str | None = None, limit: int | None = None
) -> list[RolloutEvent]:
    """Return a model's events, newest first; only those of one rollout when it is named."""
    query = select(rollouts).where(rollouts.c.model == model).order_by(rollouts.c.sequence.desc()).limit(limit)
    if rollout_id is not None:
        query = query.where(rollouts.c.rollout_id == rollout_id)
    return [RolloutEvent.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def append_rollout_event(connection: Connection, event: RolloutEvent) -> None:
    """Add an event.

    Raises:
        sqlalchemy.exc.IntegrityError: Somebody else wrote this sequence first.
    """
    connection.execute(insert(rollouts).values(event.model_dump()))


def _first(connection: Connection, condition: ColumnElement[bool]) -> RolloutEvent | None:
    query = select(rollouts).where(condition).order_by(rollouts.c.sequence.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else RolloutEvent.model_validate(dict(row))
