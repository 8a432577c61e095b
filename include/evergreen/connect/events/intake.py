"""Events become requests in our own database, or refusals beside them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.connect.events.bodies import Said, conflict, request_from, said_by, said_in_form
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.requests import RefusedEvent, WorkRequest
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """What came of the events of one wake-up."""

    counts: dict[str, int]
    """Events and messages heard, requests among them, requests refused."""
    receipts: tuple[tuple[str, str], ...]
    """Queue messages that are written down and not deleted yet: id and handle."""


def take_in(
    definition: ModelDefinition,
    settings: Settings,
    events: Sequence[Any],
    form: Mapping[str, Any],
    heard_at: datetime,
    *,
    read_before: datetime | None = None,
) -> Taken:
    """Record what events and form ask for.

    Args:
        definition: The model.
        settings: Where things are.
        events: Airflow's asset events, each with `timestamp` and `extra`.
        form: Fields of the run's own form.
        heard_at: When the run was asked for; an event brings its own moment.
        read_before: Messages of events up to this moment were deleted by an earlier run.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    from evergreen.registry.requests import RequestStore

    said = list(_all_said(events, form, heard_at))
    asked: list[tuple[Said, WorkRequest]] = []
    refused: list[RefusedEvent] = []
    for each, moment in said:
        try:
            if each.value is not None:
                asked.append((each, request_from(definition, each, moment)))
        except EvergreenError as error:
            refused.append(_refusal(definition, each, error))
    store = RequestStore(settings.database_url)
    kept = store.record([request for _, request in asked])
    for each, request in asked:
        problem = conflict(request, kept[request.id])
        if problem is not None:
            refused.append(_refusal(definition, each, problem))
    store.refuse(refused)
    new = [each for each, moment in said if read_before is None or moment > read_before]
    receipts = tuple(each.receipt for each in new if each.receipt is not None)
    return Taken({"heard": len(said), "requests": len(asked), "refused": len(refused)}, receipts)


def _all_said(events: Sequence[Any], form: Mapping[str, Any], heard_at: datetime) -> Iterator[tuple[Said, datetime]]:
    for event in events:
        for said in said_by(event.extra or {}):
            yield said, event.timestamp
    filled = said_in_form(form)
    if filled is not None:
        yield filled, heard_at


def _refusal(definition: ModelDefinition, said: Said, error: EvergreenError) -> RefusedEvent:
    from evergreen.registry.requests import RefusedEvent

    _log.error("an event is refused: %s", error)
    return RefusedEvent(model=definition.name, source=said.source, body=said.text, problem=str(error))
