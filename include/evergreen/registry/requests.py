"""Requests: the units of work that events asked for, each kept once, and whether its run exists.

An event may come twice, in a burst or again after a crash. The id of a request is the digest of what names the work, and also
the id of the DAG run it starts: our database refuses a second request, and Airflow's a second run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import AwareDatetime, Field
from sqlalchemy import insert, select

from evergreen.definitions.events import WorkKind
from evergreen.digests import digest_json
from evergreen.registry.database import Database
from evergreen.registry.schema import refused_events, request_starts, requests
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping, Table


class WorkRequest(Result):
    """One unit of work that somebody asked for."""

    model: str
    kind: WorkKind
    key: str = Field(min_length=1, max_length=200)
    """The day that landed, or whatever the caller names the work by."""
    as_of: AwareDatetime
    reason: str
    params: dict[str, Any] = {}
    """Fields of the run's form, besides as-of and reason."""
    content_digest: str
    """Digest of what was asked for under the key, to tell a repetition from another request under the same key."""
    source: str
    """`rest`, `queue`, `form` or `landing`."""
    requested_at: AwareDatetime | None = None
    """Wall clock of the first recording; the store fills it in."""

    @property
    def id(self) -> str:
        """Digest of model, kind and key; also the id of the run."""
        return digest_json({"model": self.model, "kind": self.kind, "key": self.key})

    @property
    def dag_id(self) -> str:
        """The DAG that does the work."""
        return f"{self.model}.{self.kind}"

    @classmethod
    def _from_row(cls, row: RowMapping) -> Self:
        return cls.model_validate({name: value for name, value in row.items() if name != "id"})


class RefusedEvent(Result):
    """An event that says something wrong, with the reason in four parts."""

    model: str
    source: str
    body: str
    problem: str
    refused_at: AwareDatetime | None = None
    """Wall clock of the first recording; the store fills it in."""

    @property
    def id(self) -> str:
        """Digest of model, source and body."""
        return digest_json({"model": self.model, "source": self.source, "body": self.body})


class RequestStore:
    """The requests of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def record(self, asked: Sequence[WorkRequest]) -> dict[str, WorkRequest]:
        """Keep requests, and return every one of them as it is kept, by id; the first of an id stays as it was written.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        now = datetime.now(UTC)
        rows = {each.id: each.model_dump() | {"id": each.id, "requested_at": now} for each in reversed(asked)}
        self._add(requests, "id", rows)
        with self._database.reading() as connection:
            return {each.id: each for each in _by_ids(connection, list(rows))}

    def refuse(self, events: Sequence[RefusedEvent]) -> None:
        """Keep events that cannot be done, each once.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        now = datetime.now(UTC)
        self._add(refused_events, "id", {each.id: each.model_dump() | {"id": each.id, "refused_at": now} for each in events})

    def mark_started(self, ids: Collection[str]) -> None:
        """Note that the runs of these requests exist.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        now = datetime.now(UTC)
        self._add(request_starts, "request_id", {each: {"request_id": each, "started_at": now} for each in ids})

    def keys(self, model: str, kind: WorkKind, keys: Collection[str]) -> set[str]:
        """Return which of these keys were asked for."""
        query = select(requests.c.key).where(requests.c.model == model, requests.c.kind == kind, requests.c.key.in_(keys))
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def without_run(self, model: str, *, limit: int) -> list[WorkRequest]:
        """Return a model's requests whose run is not known to exist, oldest first."""
        query = (
            select(requests)
            .outerjoin(request_starts, request_starts.c.request_id == requests.c.id)
            .where(requests.c.model == model, request_starts.c.request_id.is_(None))
            .order_by(requests.c.requested_at, requests.c.as_of, requests.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [WorkRequest._from_row(row) for row in connection.execute(query).mappings()]

    def refused(self, model: str, *, limit: int | None = None) -> list[RefusedEvent]:
        """Return a model's refused events, newest first."""
        query = select(refused_events).where(refused_events.c.model == model)
        query = query.order_by(refused_events.c.refused_at.desc(), refused_events.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [RefusedEvent.model_validate({name: row[name] for name in RefusedEvent.model_fields}) for row in rows]

    def list(self, model: str, *, limit: int | None = None) -> list[WorkRequest]:
        """Return a model's requests, newest first."""
        query = select(requests).where(requests.c.model == model).order_by(requests.c.requested_at.desc(), requests.c.id)
        with self._database.reading() as connection:
            return [WorkRequest._from_row(row) for row in connection.execute(query.limit(limit)).mappings()]

    def _add(self, table: Table, key: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the rows that are not there yet; whoever writes the same ones meanwhile wins."""
        column = table.c[key]

        def add(connection: Connection) -> None:
            there = set(connection.execute(select(column).where(column.in_(list(rows)))).scalars())
            missing = [dict(row) for name, row in rows.items() if name not in there]
            if missing:
                connection.execute(insert(table), missing)

        self._database.write(add)


def _by_ids(connection: Connection, ids: Sequence[str]) -> list[WorkRequest]:
    query = select(requests).where(requests.c.id.in_(ids)).order_by(requests.c.requested_at, requests.c.id)
    return [WorkRequest._from_row(row) for row in connection.execute(query).mappings()]
