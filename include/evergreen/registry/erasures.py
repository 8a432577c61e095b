"""Erasures: who had which rows erased, when, and what became of it. Kept are keyed hashes, never a value.

A row says that an erasure has begun; from then on ingest and shipping leave matching rows out. Others say how far an attempt
has come. An erasure whose last step is not complete is not done, and the command says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime
from sqlalchemy import insert, select

from evergreen.digests import digest_json
from evergreen.registry.database import Database
from evergreen.registry.schema import erased_keys, erasure_steps, erasures
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection


class Erasure(Result):
    """One person or thing that is to be forgotten by one model."""

    model: str
    columns: tuple[str, ...]
    """Sorted by name."""
    hashes: tuple[str, ...]
    """Keyed hashes of the values, one per way of writing them; sorted."""
    hash_key_id: str
    """Which secret they were made with: a hash of nothing under it."""
    actor: str
    reason: str
    begun_at: AwareDatetime
    row_keys: frozenset[str] = frozenset()
    """Keyed hashes of the keys of the rows that matched."""

    @property
    def id(self) -> str:
        """Digest of model, columns and hashes."""
        return digest_json([self.model, list(self.columns), list(self.hashes)])


class ErasedPlace(Result):
    """What an erasure came to in one place."""

    place: str
    files: int
    rows: int
    became: str


class ErasureStep(Result):
    """How far an attempt has come: one when everything was found, one when it was erased."""

    erasure_id: str
    complete: bool
    """Whether nothing was left that the command can erase."""
    places: tuple[ErasedPlace, ...]
    lost: tuple[str, ...]
    """Versions of tables, results and digests that can no longer be read or computed again."""
    actor: str
    noted_at: AwareDatetime
    sequence: int = 0
    """Given when it is recorded; 1 is the first."""


class ErasureStore:
    """The erasures of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def begin(self, erasure: Erasure) -> Erasure:
        """Record an erasure, and row keys that are new; return it as it was first recorded, with every row key.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        return self._database.write(lambda connection: _begin(connection, erasure))

    def note(self, step: ErasureStep) -> None:
        """Record how far an attempt has come.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        self._database.write(lambda connection: _note(connection, step))

    def of_model(self, model: str) -> list[Erasure]:
        """Return a model's erasures, the oldest first; none where there is no database yet.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        if not self._database.exists:
            return []
        query = select(erasures).where(erasures.c.model == model).order_by(erasures.c.begun_at, erasures.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            return [_whole(connection, dict(row)) for row in rows]

    def of_every_model(self) -> list[Erasure]:
        """Return all erasures without their row keys, the oldest first; none where there is no database yet.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        if not self._database.exists:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(select(erasures).order_by(erasures.c.begun_at, erasures.c.id)).mappings()
            return [_from_row(dict(row)) for row in rows]

    def steps(self, erasure_id: str) -> list[ErasureStep]:
        """Return how far the attempts of an erasure have come, the oldest first."""
        query = select(erasure_steps).where(erasure_steps.c.erasure_id == erasure_id).order_by(erasure_steps.c.sequence)
        with self._database.reading() as connection:
            return [ErasureStep.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def turn(self, model: str) -> AbstractContextManager[object]:
        """Hold what only one erasure of a model may do at a time."""
        return self._database.writing(turn=f"erasure {model}")


def _begin(connection: Connection, erasure: Erasure) -> Erasure:
    row = connection.execute(select(erasures).where(erasures.c.id == erasure.id)).mappings().one_or_none()
    if row is None:
        connection.execute(insert(erasures).values({"id": erasure.id, **erasure.model_dump(exclude={"row_keys"})}))
    known = _row_keys(connection, erasure.id)
    new = [{"erasure_id": erasure.id, "hash": each} for each in sorted(erasure.row_keys - known)]
    if new:
        connection.execute(insert(erased_keys), new)
    first = erasure if row is None else _from_row(dict(row))
    return first.model_copy(update={"row_keys": erasure.row_keys | known})


def _note(connection: Connection, step: ErasureStep) -> None:
    query = select(erasure_steps.c.sequence).where(erasure_steps.c.erasure_id == step.erasure_id)
    last: Collection[int] = connection.execute(query).scalars().all()
    values = step.model_dump(mode="json") | {"noted_at": step.noted_at, "sequence": max(last, default=0) + 1}
    connection.execute(insert(erasure_steps).values(values))


def _whole(connection: Connection, row: dict[str, object]) -> Erasure:
    return _from_row(row).model_copy(update={"row_keys": _row_keys(connection, str(row["id"]))})


def _from_row(row: dict[str, object]) -> Erasure:
    return Erasure.model_validate({name: value for name, value in row.items() if name != "id"})


def _row_keys(connection: Connection, erasure_id: str) -> frozenset[str]:
    return frozenset(connection.execute(select(erased_keys.c.hash).where(erased_keys.c.erasure_id == erasure_id)).scalars())
