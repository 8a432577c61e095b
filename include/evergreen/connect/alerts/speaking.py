"""The one place that decides whether to speak: once per incident and way, again when it changes, once when it is over."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from evergreen.connect.alerts.incident import Message, message_of
from evergreen.digests import digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evergreen.connect.alerts.incident import Incident
    from evergreen.definitions.alerts import AlertLevel, Notify
    from evergreen.registry.alerts import AlertStore, SaidAlert, UnsaidAlert

_log = logging.getLogger(__name__)

_SEVERE = ("warning", "critical")


@dataclass(frozen=True)
class Spoken:
    """What came of one way to tell."""

    channel: str
    level: str
    delivered: bool

    @property
    def line(self) -> str:
        """The same in words."""
        return f"{self.channel}: {self.level}{'' if self.delivered else ' (not delivered)'}"


def speak(
    incident: Incident, notify: Sequence[Notify], store: AlertStore, deliver: Callable[[Notify, Message], None]
) -> tuple[Spoken, ...]:
    """Tell whoever has to hear of an incident, each way on its own.

    A message that could not be delivered is logged and kept: the next occasion and every sweep try again. It never raises for
    it: a mail server that is down must not fail a night.

    Args:
        incident: As it is now.
        notify: The definition's ways to tell.
        store: What was told before, and what waits to be told.
        deliver: Sends one message one way.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    spoken = []
    for way in ways_of(notify):
        target = target_of(way)
        last = store.last(incident.model, incident.key, target)
        unsaid = store.unsaid(incident.model, incident.key, target)
        level = level_due(incident, last, way.level, unsaid)
        if level is None:
            continue
        message = message_of(incident, level, again=last is not None and last.is_open)
        if unsaid is not None and level == "recovered":
            message = replace(message, lines=(f"Could not be told before: {unsaid.subject}", *message.lines))
        begun = store.begin(
            incident.model,
            incident.key,
            target,
            fingerprint=incident.fingerprint,
            level=level,
            subject=message.subject,
            lines=message.lines,
            link=message.link,
        )
        if begun is not None:
            spoken.append(Spoken(way.channel, level, delivered(begun, way, store, deliver)))
    return tuple(spoken)


def level_due(
    incident: Incident, last: SaidAlert | None, least: AlertLevel, unsaid: UnsaidAlert | None = None
) -> Literal["warning", "critical", "recovered"] | None:
    """Return the level of the message that is due, None when there is nothing new to say.

    Args:
        incident: As it is now.
        last: What was told last, this way.
        least: Least severe level that is sent this way.
        unsaid: What should have been told since and could not be.
    """
    if incident.state == "unclear":
        return None
    told = last if last is not None and last.is_open else None
    if incident.state == "well" or _SEVERE.index(incident.state) < _SEVERE.index(least):
        # Who was told of it, or should have been, hears that it is over, or at least below what they asked to hear of.
        return "recovered" if told or unsaid else None
    return None if told and not unsaid and told.fingerprint == incident.fingerprint else incident.state


def ways_of(notify: Sequence[Notify]) -> Iterator[Notify]:
    """Yield the ways to tell, a way for each of several topics: one of them may be down."""
    for way in notify:
        if way.channel == "sns":
            yield from (way.model_copy(update={"to": (topic,)}) for topic in way.to)
        else:
            yield way


def target_of(way: Notify) -> str:
    """Return the digest that stands for a way to tell: channel, connection and addresses."""
    return digest_json([way.channel, way.connection, sorted(way.to)])


def delivered(begun: UnsaidAlert, way: Notify, store: AlertStore, deliver: Callable[[Notify, Message], None]) -> bool:
    """Deliver a message that was begun, and note what came of it.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    message = Message(begun.model, begun.incident, begun.level, begun.subject, begun.lines, begun.link, begun.id)
    try:
        deliver(way, message)
    except Exception as error:
        # The error's own text may hold a webhook's address, which is a password.
        name = type(error).__name__
        _log.error("could not tell by %s (%s), kept to be tried again: %s", way.channel, name, message.subject)
        store.failed(begun, name)
        return False
    store.record(begun)
    _log.info("told by %s: %s", way.channel, message.subject)
    return True
