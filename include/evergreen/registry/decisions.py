"""Decision records: what the gate said about which bytes, on which rows, under which rules. Written once, never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from pydantic import AwareDatetime, Field
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from evergreen.digests import digest_json
from evergreen.errors import DigestMismatchError
from evergreen.registry.database import Database
from evergreen.registry.schema import decisions
from evergreen.results import Outcome, Result

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


class DecisionRecord(Result):
    """One verdict of the gate, named by the digest of all that it hangs on."""

    model: str
    as_of: AwareDatetime
    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    challenger_name: str
    challenger_digest: str
    """Digest of the bundle that was judged."""
    champion_version: str | None
    """The champion it was judged against; None for a first champion."""
    champion_digest: str | None
    holdout_digest: str
    measurement_digest: str
    gate_digest: str
    """Digest of the definition's `gate` section: the thresholds."""
    measurement_uri: str
    report_uri: str
    mlflow_run_id: str
    rows_needed: int | None = None
    recorded_at: AwareDatetime | None = None
    """Wall clock of the first recording; the store fills it in."""

    @property
    def id(self) -> str:
        """Digest of model, challenger, champion, holdout, measurement, thresholds and outcome."""
        return digest_json(
            {
                "model": self.model,
                "challenger": self.challenger_digest,
                "champion": [self.champion_version, self.champion_digest],
                "holdout": self.holdout_digest,
                "measurement": self.measurement_digest,
                "gate": self.gate_digest,
                "outcome": self.outcome.value,
            }
        )

    @classmethod
    def _from_row(cls, row: RowMapping) -> Self:
        values = dict(row)
        stored_id = values.pop("id")
        record = cls.model_validate(values)
        if record.id != stored_id:
            raise DigestMismatchError(
                "a decision record was changed after it was written",
                found=f"decision {stored_id} of {record.model}, whose content has the digest {record.id}",
                allowed="records exactly as the gate wrote them",
                remedy="find out who changed the database, restore it from a backup and let the gate decide again",
            )
        return record


def find_decision(connection: Connection, decision_id: str) -> DecisionRecord | None:
    """Return a record by its id within the caller's transaction, None when there is none.

    Raises:
        DigestMismatchError: The row was changed.
    """
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).mappings().one_or_none()
    return None if row is None else DecisionRecord._from_row(row)


class DecisionStore:
    """The decision records of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def record(self, record: DecisionRecord) -> DecisionRecord:
        """Keep a record, and return it as it is kept.

        A record whose id is there already is left as it was first written.

        Raises:
            DigestMismatchError: The record kept under this id was changed.
            StoreUnavailableError: The database did not answer.
        """
        kept = self.get(record.id)
        if kept is not None:
            return kept
        stamped = record.model_copy(update={"recorded_at": datetime.now(UTC)})
        values = stamped.model_dump() | {"id": record.id, "outcome": record.outcome.value, "reasons": list(record.reasons)}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(decisions).values(values))
        except IntegrityError:
            # Somebody wrote the same record meanwhile; any other refusal finds nothing here.
            kept = self.get(record.id)
            if kept is None:
                raise
            return kept
        return stamped

    def get(self, decision_id: str) -> DecisionRecord | None:
        """Return a record by its id, None when there is none.

        Raises:
            DigestMismatchError: The row was changed.
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return find_decision(connection, decision_id)

    def beginning_with(self, id_prefix: str) -> tuple[DecisionRecord, ...]:
        """Return the records whose id begins so, two at most: more than one is one too many."""
        query = select(decisions).where(decisions.c.id.startswith(id_prefix, autoescape=True)).limit(2)
        with self._database.reading() as connection:
            return tuple(DecisionRecord._from_row(row) for row in connection.execute(query).mappings())

    def latest(self, model: str) -> DecisionRecord | None:
        """Return a model's newest record, None before the first."""
        return next(iter(self.list(model, limit=1)), None)

    def list(self, model: str, *, limit: int | None = None) -> list[DecisionRecord]:
        """Return a model's records, newest first, at most `limit` of them."""
        query = select(decisions).where(decisions.c.model == model)
        query = query.order_by(decisions.c.recorded_at.desc(), decisions.c.id).limit(limit)
        with self._database.reading() as connection:
            return [DecisionRecord._from_row(row) for row in connection.execute(query).mappings()]
