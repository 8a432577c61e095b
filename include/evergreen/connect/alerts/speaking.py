"""The one place that decides whether to speak: once per incident and way, again when it changes, once when it is over."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evergreen.connect.alerts.incident import message_of
from evergreen.digests import digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evergreen.connect.alerts.incident import Incident, Message
    from evergreen.definitions.alerts import AlertLevel, Notify
    from evergreen.registry.alerts import AlertStore, SaidAlert

_log = logging.getLogger(__name__)

_SEVERE = ("warning", "critical")


@dataclass(frozen=True)
class Spoken:
    """What came of one way to tell."""

    channel: str
    level: str
    delivered: bool


def speak(
    incident: Incident, notify: Sequence[Notify], store: AlertStore, deliver: Callable[[Notify, Message], None]
) -> tuple[Spoken, ...]:
    """Tell whoever has to hear of an incident, each way on its own.

    A message that could not be delivered is logged and not recorded, so that the next occasion tries again. It never raises
    for it: a mail server that is down must not fail a night.

    Args:
        incident: As it is now.
        notify: The definition's ways to tell.
        store: What was told before.
        deliver: Sends one message one way.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    spoken = []
    for way in notify:
        target = target_of(way)
        last = store.last(incident.model, incident.key, target)
        level = level_due(incident, last, way.level)
        if level is None:
            continue
        message = message_of(incident, level, again=last is not None and last.is_open)
        delivered = _delivered(deliver, way, message)
        spoken.append(Spoken(way.channel, level, delivered))
        if delivered:
            store.record(
                incident.model,
                incident.key,
                target,
                fingerprint=incident.fingerprint,
                level=level,
                subject=message.subject,
            )
    return tuple(spoken)


def level_due(
    incident: Incident, last: SaidAlert | None, least: AlertLevel
) -> Literal["warning", "critical", "recovered"] | None:
    """Return the level of the message that is due, None when there is nothing new to say.

    Args:
        incident: As it is now.
        last: What was told last, this way.
        least: Least severe level that is sent this way.
    """
    if incident.state == "unclear":
        return None
    told = last if last is not None and last.is_open else None
    if incident.state == "well" or _SEVERE.index(incident.state) < _SEVERE.index(least):
        # Who was told of it hears that it is over, or at least below what they asked to hear of.
        return "recovered" if told else None
    return None if told and told.fingerprint == incident.fingerprint else incident.state


def target_of(way: Notify) -> str:
    """Return the digest that stands for a way to tell: channel, connection and addresses."""
    return digest_json([way.channel, way.connection, sorted(way.to)])


def _delivered(deliver: Callable[[Notify, Message], None], way: Notify, message: Message) -> bool:
    try:
        deliver(way, message)
    except Exception as error:
        # The error's own text may hold a webhook's address, which is a password.
        _log.error("could not tell by %s (%s): %s", way.channel, type(error).__name__, message.subject)
        return False
    _log.info("told by %s: %s", way.channel, message.subject)
    return True
