"""An incident: what is wrong, how badly, and what must change before anybody hears of it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evergreen.digests import digest_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions.alerts import AlertLevel
    from evergreen.results import Decided

State = Literal["warning", "critical", "well", "unclear"]
"""`well` ends an incident; `unclear` neither begins nor ends one: what could not be measured is no all-clear."""

NIGHT, UNWATCHED = "monitoring", "unwatched"
_NIGHT_STATES: dict[str, State] = {"warning": "warning", "critical": "critical", "ok": "well"}
_EXACT_CAUSES = ("upstream_fault", "service_fault")
"""Causes whose alarms name the fault; another one is news. Drift touches other features every night."""
_LONGEST_LINE = 400
_MOST_LINES = 6


@dataclass(frozen=True)
class Incident:
    """One thing that may be wrong with a model, as it is now."""

    model: str
    key: str
    """What it is about: `monitoring`, `run:training`, `deadline:scoring`, `rollout`, `unwatched`."""
    state: State
    subject: str
    """One line."""
    lines: tuple[str, ...]
    """The reasons, the deciding one first."""
    link: str
    """Where to read more; empty where there is no page."""
    about: tuple[str, ...] = ()
    """What must change, besides the state, before it is told again."""

    @property
    def fingerprint(self) -> str:
        """Digest of what must change before it is told again."""
        return digest_json([self.key, self.state, *self.about])


@dataclass(frozen=True)
class Message:
    """What is sent of an incident; plain text without addresses, passwords or rows."""

    model: str
    incident: str
    level: AlertLevel | Literal["recovered"]
    subject: str
    lines: tuple[str, ...]
    link: str
    id: str = ""
    """The same for every attempt to deliver this message, so that whoever gets it twice can tell."""

    @property
    def text(self) -> str:
        """Subject, reasons and link."""
        return "\n".join([self.subject, *(f"- {line}" for line in self.lines), *([self.link] if self.link else [])])


def of_night(decided: Decided, alarms: Sequence[str], link: str) -> Incident:
    """Return what a night of monitoring has to say of its model.

    Args:
        decided: The night's decision.
        alarms: Keys `check:subject` of all that is critical tonight.
        link: Address of the night's page.
    """
    exact = alarms if decided.cause in _EXACT_CAUSES else ()
    cause = decided.cause.replace("_", " ")
    return Incident(
        model=decided.model,
        key=NIGHT,
        state=_NIGHT_STATES.get(decided.severity, "unclear"),
        subject=f"{decided.model}: {cause if decided.cause != 'nothing' else 'near a limit'}, {decided.action}",
        lines=(f"night of {decided.as_of:%Y-%m-%d %H:%M} UTC", *decided.reasons),
        link=link,
        about=(decided.cause, decided.action, *sorted(exact)),
    )


def of_run(model: str, kind: str, *, failed_in: str | None, link: str) -> Incident:
    """Return how a DAG run ended; `failed_in` names the task, None for success.

    What the task said stays in its log: an error's text may quote an address with its password.
    """
    if failed_in is None:
        return Incident(model, f"run:{kind}", "well", f"{model}: {kind} ran again", (), link)
    subject = f"{model}: {kind} failed in {failed_in}"
    lines = ("The run ended without finishing its work; its log says why.",)
    return Incident(model, f"run:{kind}", "critical", subject, lines, link, (failed_in,))


def of_deadline(model: str, kind: str, *, limit_minutes: float | None, link: str) -> Incident:
    """Return a run that is late by its limit, or in time again (None)."""
    if limit_minutes is None:
        return Incident(model, f"deadline:{kind}", "well", f"{model}: {kind} is in time again", (), link)
    subject = f"{model}: {kind} takes longer than {limit_minutes:g} minutes"
    return Incident(model, f"deadline:{kind}", "warning", subject, ("It was not over in time; it may still be.",), link)


def of_approval(model: str, *, question: str | None, link: str) -> Incident:
    """Return a release that waits for a person's answer, or one that was answered (None)."""
    if question is None:
        return Incident(model, "approval", "well", f"{model}: the question was answered", (), link)
    lines = ("A promoted challenger waits for a person: Airflow, Browse, Required Actions.",)
    return Incident(model, "approval", "warning", f"{model}: {question}", lines, link, (question,))


def of_rollout(model: str, version: str, reasons: Sequence[str] | None, link: str) -> Incident:
    """Return a challenger that was taken back from live requests, or one that passed its trial (None)."""
    if reasons is None:
        return Incident(model, "rollout", "well", f"{model}: version {version} has passed its trial", (), link)
    subject = f"{model}: version {version} was taken back from its trial, the champion stays"
    return Incident(model, "rollout", "warning", subject, tuple(reasons), link, (version,))


def of_silence(model: str, hours: float | None, limit_hours: float, link: str) -> Incident:
    """Return a model that nobody has watched for too long; `hours` None: not known."""
    if hours is None or hours <= limit_hours:
        return Incident(model, UNWATCHED, "well" if hours is not None else "unclear", f"{model}: watched again", (), link)
    subject = f"{model}: no night of monitoring for more than {limit_hours:g} hours"
    lines = ("Nobody knows how the champion is doing. Is the DAG paused, or the scheduler down?",)
    return Incident(model, UNWATCHED, "critical", subject, lines, link)


def of_old_features(model: str, hours: float, limit_hours: float, link: str) -> Incident:
    """Return published entity features that are older than the gateway may use without a word."""
    if hours <= limit_hours:
        return Incident(model, "features", "well", f"{model}: features are published again", (), link)
    subject = f"{model}: the gateway answers with features older than {limit_hours:g} hours"
    lines = ("No night has published newer ones: look at the task `materialize` of the scoring runs.",)
    return Incident(model, "features", "critical", subject, lines, link)


def message_of(incident: Incident, level: AlertLevel | Literal["recovered"], *, again: bool) -> Message:
    """Return what is sent of an incident.

    Args:
        incident: As it is now.
        level: How it is sent.
        again: Whether it was told before, otherwise.
    """
    word = level if not again or level == "recovered" else f"{level}, changed"
    return Message(
        model=incident.model,
        incident=incident.key,
        level=level,
        subject=_line(f"[{word}] {incident.subject}"),
        lines=tuple(_line(line) for line in incident.lines[:_MOST_LINES]),
        link=incident.link,
    )


def _line(text: str) -> str:
    """Return text on one line of bounded length: names in it came from data, and a line break would end a mail's header."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain if len(plain) <= _LONGEST_LINE else plain[: _LONGEST_LINE - 1] + "…"
