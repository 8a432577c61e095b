"""What was told to whom: one row per message that was delivered, so that the next one is sent only when something changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from evergreen.registry.database import Database
from evergreen.registry.schema import alerts
from evergreen.results import Result

if TYPE_CHECKING:
    from sqlalchemy import Connection

RECOVERED = "recovered"
"""Level of the message that ends an incident."""


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


class AlertStore:
    """The delivered alerts of one database.

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

    def record(self, model: str, incident: str, target: str, *, fingerprint: str, level: str, subject: str) -> SaidAlert:
        """Note that a message was delivered.

        When two said the same at once, the first row stands for both.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            before = _last(connection, model, incident, target)
        said = SaidAlert(
            model=model,
            incident=incident,
            target=target,
            sequence=before.sequence + 1 if before else 1,
            fingerprint=fingerprint,
            level=level,
            subject=subject,
            sent_at=datetime.now(UTC),
        )
        try:
            with self._database.writing() as connection:
                connection.execute(insert(alerts).values(said.model_dump()))
        except IntegrityError:
            kept = self.last(model, incident, target)
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


def _last(connection: Connection, model: str, incident: str, target: str) -> SaidAlert | None:
    query = (
        select(alerts)
        .where(alerts.c.model == model, alerts.c.incident == incident, alerts.c.target == target)
        .order_by(alerts.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else SaidAlert.model_validate(dict(row))
