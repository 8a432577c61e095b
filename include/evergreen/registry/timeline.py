"""The release timeline: who became champion, when, why and by whose hand. Its last entry is the champion."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, insert, select

from evergreen.registry.schema import releases
from evergreen.results import Result

if TYPE_CHECKING:
    from sqlalchemy import Connection


class ReleaseEvent(Result):
    """One move of the champion."""

    model: str
    generation: int
    """1 for a model's first champion, one more with every move."""
    action: Literal["promote", "rollback"]
    version: str
    """The champion from here on."""
    previous_version: str | None
    """The champion until here."""
    decision_id: str
    """The decision that vouches for `version`."""
    rollout: str
    reason: str
    actor: str
    request_id: str | None = None
    """Names the request, so that asking twice moves once."""
    happened_at: AwareDatetime


def latest_event(connection: Connection, model: str) -> ReleaseEvent | None:
    """Return the newest move of a model's champion, None before the first."""
    return _first(connection, releases.c.model == model)


def event_of_request(connection: Connection, model: str, request_id: str) -> ReleaseEvent | None:
    """Return the move that a request already made."""
    return _first(connection, (releases.c.model == model) & (releases.c.request_id == request_id))


def event_of_decision(connection: Connection, model: str, decision_id: str) -> ReleaseEvent | None:
    """Return the promotion that a decision already brought about."""
    was_promoted = (releases.c.action == "promote") & (releases.c.decision_id == decision_id)
    return _first(connection, (releases.c.model == model) & was_promoted)


def event_of_version(connection: Connection, model: str, version: str) -> ReleaseEvent | None:
    """Return the newest move that made a version the champion."""
    return _first(connection, (releases.c.model == model) & (releases.c.version == version))


def list_events(connection: Connection, model: str, limit: int | None = None) -> list[ReleaseEvent]:
    """Return a model's moves, newest first."""
    query = select(releases).where(releases.c.model == model).order_by(releases.c.generation.desc()).limit(limit)
    return [ReleaseEvent.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def append_event(connection: Connection, event: ReleaseEvent) -> None:
    """Add a move.

    Raises:
        sqlalchemy.exc.IntegrityError: Somebody else wrote this generation first.
    """
    connection.execute(insert(releases).values(event.model_dump()))


def person_at_machine() -> str:
    """Return who runs this process, as `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in many containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _first(connection: Connection, condition: ColumnElement[bool]) -> ReleaseEvent | None:
    query = select(releases).where(condition).order_by(releases.c.generation.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ReleaseEvent.model_validate(dict(row))
