"""What was told to whom, and what is still to be told: one row per message that was delivered, two per attempt that failed.

An attempt is written down before it is made. So a message whose sender is killed is not lost, of two who would send the same
one only the first does, and whoever looks sees what nobody has heard yet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime
from sqlalchemy import and_, exists, insert, select
from sqlalchemy.exc import IntegrityError

from evergreen.digests import digest_json
from evergreen.registry.database import Database
from evergreen.registry.schema import alert_attempts, alerts
from evergreen.results import Result

if TYPE_CHECKING:
    from sqlalchemy import Connection

RECOVERED = "recovered"
"""Level of the message that ends an incident."""
IN_FLIGHT = timedelta(minutes=2)
"""How long an attempt without an outcome counts as under way; after that, whoever made it was killed."""
_BEGUN, _FAILED = "begun", "failed"


class SaidAlert(Result):
    """One message as it was delivered."""

    model: str
    incident: str
    """What it is about: `monitoring`, `run:training`, `deadline:scoring`, `unwatched`."""
    target: str
    """Digest of the way it was sent; an address may be nobody's business."""
    sequence: int
    fingerprint: str
    """Digest of what must change before the incident is told again."""
    level: str
    """`warning`, `critical` or `recovered`."""
    subject: str
    sent_at: AwareDatetime

    @property
    def is_open(self) -> bool:
        """Whether whoever got it still waits for the end of the incident."""
        return self.level != RECOVERED


class UnsaidAlert(Result):
    """One message that was not delivered, as its newest attempt had it."""

    model: str
    incident: str
    target: str
    sequence: int
    """Which message of its incident and way it will be, from 1."""
    attempt: int
    """How often it was tried, from 1."""
    fingerprint: str
    level: Literal["warning", "critical", "recovered"]
    subject: str
    lines: tuple[str, ...]
    link: str
    happened_at: AwareDatetime
    """When the newest attempt began."""
    error: str | None = None
    """Class of what came of it; None while it is under way, or when whoever made it was killed."""

    @property
    def id(self) -> str:
        """The same for every attempt to deliver the same words."""
        return digest_json([self.model, self.incident, self.target, self.sequence, self.fingerprint, self.level])

    def is_under_way(self, now: datetime) -> bool:
        """Whether somebody is delivering it just now."""
        return self.error is None and now - self.happened_at < IN_FLIGHT


class AlertStore:
    """The alerts of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def last(self, model: str, incident: str, target: str) -> SaidAlert | None:
        """Return what was told last of an incident in one way, None when nothing ever was.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return _last(connection, model, incident, target)

    def unsaid(self, model: str, incident: str, target: str) -> UnsaidAlert | None:
        """Return what waits to be told of an incident one way, if anything does.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return _unsaid(connection, model, incident, target)

    def waiting(self, model: str | None = None) -> list[UnsaidAlert]:
        """Return the messages that were begun and not delivered, oldest first; of all models unless one is named.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return _waiting(connection, model)

    def begin(
        self,
        model: str,
        incident: str,
        target: str,
        *,
        fingerprint: str,
        level: Literal["warning", "critical", "recovered"],
        subject: str,
        lines: tuple[str, ...],
        link: str,
    ) -> UnsaidAlert | None:
        """Note that a message is about to be delivered; None where somebody else is delivering one of this incident.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        now = datetime.now(UTC)
        with self._database.reading() as connection:
            last = _last(connection, model, incident, target)
            before = _unsaid(connection, model, incident, target)
        if before is not None and before.is_under_way(now):
            return None
        begun = UnsaidAlert(
            model=model,
            incident=incident,
            target=target,
            sequence=last.sequence + 1 if last else 1,
            attempt=before.attempt + 1 if before else 1,
            fingerprint=fingerprint,
            level=level,
            subject=subject,
            lines=lines,
            link=link,
            happened_at=now,
        )
        try:
            self._note(begun, _BEGUN)
        except IntegrityError:
            return None
        return begun

    def failed(self, begun: UnsaidAlert, error: str) -> None:
        """Note that a message could not be delivered, and the class of the error; the next attempt may begin at once.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        self._note(begun.model_copy(update={"error": error, "happened_at": datetime.now(UTC)}), _FAILED)

    def record(self, begun: UnsaidAlert) -> SaidAlert:
        """Note that a message was delivered.

        When two said the same at once, the first row stands for both.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        said = SaidAlert(
            **begun.model_dump(include={"model", "incident", "target", "sequence", "fingerprint", "level", "subject"}),
            sent_at=datetime.now(UTC),
        )
        try:
            with self._database.writing() as connection:
                connection.execute(insert(alerts).values(said.model_dump()))
        except IntegrityError:
            kept = self.last(begun.model, begun.incident, begun.target)
            if kept is None:
                raise
            return kept
        return said

    def list(self, model: str, *, limit: int | None = None) -> list[SaidAlert]:
        """Return a model's messages, newest first, at most `limit` of them."""
        order = (alerts.c.sent_at.desc(), alerts.c.incident, alerts.c.target, alerts.c.sequence.desc())
        query = select(alerts).where(alerts.c.model == model).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            return [SaidAlert.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def _note(self, begun: UnsaidAlert, outcome: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                insert(alert_attempts).values({**begun.model_dump(), "lines": list(begun.lines), "outcome": outcome})
            )


def _last(connection: Connection, model: str, incident: str, target: str) -> SaidAlert | None:
    query = (
        select(alerts)
        .where(alerts.c.model == model, alerts.c.incident == incident, alerts.c.target == target)
        .order_by(alerts.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else SaidAlert.model_validate(dict(row))


def _unsaid(connection: Connection, model: str, incident: str, target: str) -> UnsaidAlert | None:
    found = _waiting(connection, model)
    return next((each for each in found if (each.incident, each.target) == (incident, target)), None)


def _waiting(connection: Connection, model: str | None) -> list[UnsaidAlert]:
    a = alert_attempts.c
    same = and_(alerts.c.model == a.model, alerts.c.incident == a.incident, alerts.c.target == a.target)
    query = select(alert_attempts).where(~exists().where(same, alerts.c.sequence >= a.sequence))
    if model is not None:
        query = query.where(a.model == model)
    newest: dict[tuple[str, str, str], UnsaidAlert] = {}
    # Of one attempt, `begun` comes before `failed`.
    for row in connection.execute(query.order_by(a.sequence, a.attempt, a.outcome)).mappings():
        found = UnsaidAlert.model_validate({name: value for name, value in row.items() if name != "outcome"})
        newest[found.model, found.incident, found.target] = found
    return sorted(newest.values(), key=lambda each: each.happened_at)
