"""What monitoring decided, night by night; which of its trainings have arrived; which days are set aside.

A night may be decided more than once, because its run was repeated. The same evidence finds the decision that is kept. Other
evidence adds a revision, unless a kept one says retrain or rollback: it may have begun, so that one stands. Rows are added and
never changed, and the primary key (model, as-of, revision) lets one of several writers through.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from evergreen.digests import digest_json
from evergreen.errors import DigestMismatchError, RegistryError
from evergreen.observation import Action, NightDecision, PastNight
from evergreen.registry.database import Database
from evergreen.registry.schema import arrivals, nights, released_days
from evergreen.results import Result

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping, Select

_NOT_IN_ID = ("revision", "evidence_uri", "report_uri", "recorded_at")
"""How often and where a decision was written down is no part of what was decided."""
_SINCE_VERSION_5 = ("rolls_back_to", "probation_digest")
"""Fields that older decisions lack: where they say nothing they are no part of an id, which stays what it was."""
_ACTED = (Action.RETRAIN, Action.ROLLBACK)


class Arrival(Result):
    """A training that began for a decision."""

    decision_id: str
    run_id: str
    """The one run that may train for it: the first that came."""
    arrived_at: AwareDatetime


def decision_id(decision: NightDecision) -> str:
    """Return a decision's id: the digest of all that was decided and what it rests on."""
    utc = decision.model_copy(update={"as_of": decision.as_of.astimezone(UTC)})
    values = utc.model_dump(mode="json", exclude=set(_NOT_IN_ID))
    return digest_json({name: value for name, value in values.items() if value is not None or name not in _SINCE_VERSION_5})


class NightStore:
    """The nights of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def record(self, decision: NightDecision) -> NightDecision:
        """Keep a night's decision, and return the one that stands.

        Its own revision number is not looked at: it gets the next free one.

        Raises:
            DigestMismatchError: A kept decision of this night was changed.
            StoreUnavailableError: The database did not answer.
        """
        return self._database.write(lambda connection: _record(connection, decision))

    def get(self, decision_id: str) -> NightDecision | None:
        """Return a decision by its id, None when there is none.

        Raises:
            DigestMismatchError: The row was changed.
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return _find(connection, decision_id)

    def beginning_with(self, id_prefix: str) -> tuple[NightDecision, ...]:
        """Return the decisions whose id begins so, two at most: more than one is one too many."""
        return tuple(self._read(select(nights).where(nights.c.id.startswith(id_prefix, autoescape=True)).limit(2)))

    def nights(self, model: str, before: datetime, limit: int, *, known_at: datetime | None = None) -> list[PastNight]:
        """Return what was decided in the nights before a moment, newest first; of each night its newest revision.

        Args:
            model: Name of the model.
            before: Nights with this as-of or a later one are left out.
            limit: Most nights wanted, the newest ones.
            known_at: Only what had been recorded before this moment, by the wall clock; default all.

        Raises:
            DigestMismatchError: A row was changed.
            StoreUnavailableError: The database did not answer.
        """
        query = _standing(model, known_at).where(nights.c.as_of < before).order_by(nights.c.as_of.desc()).limit(limit)
        return [PastNight.of(decision, decision_id(decision)) for decision in self._read(query)]

    def latest(self, model: str) -> NightDecision | None:
        """Return the decision of a model's newest night, None before the first."""
        return next(iter(self._read(_standing(model).order_by(nights.c.as_of.desc()).limit(1))), None)

    def acted(self, model: str) -> list[NightDecision]:
        """Return every decision of a model's nights that trained, took a release back or set days aside, the first first.

        Raises:
            DigestMismatchError: A row was changed.
            StoreUnavailableError: The database did not answer.
        """
        acting = [action.value for action in (*_ACTED, Action.QUARANTINE)]
        query = select(nights).where(nights.c.model == model, nights.c.action.in_(acting))
        return self._read(query.order_by(nights.c.as_of, nights.c.revision))

    def arrive(self, decision_id: str, run_id: str) -> Arrival:
        """Note that the training of a decision has begun; the first run to say so is the one that trains.

        Returns:
            The arrival that is kept. A run that finds another run's id in it must not train.

        Raises:
            RegistryError: No night decided so.
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            decision, kept = _find(connection, decision_id), _arrival(connection, decision_id)
        if decision is None or decision.action is not Action.RETRAIN:
            raise RegistryError(
                "a training names a decision that no night has taken",
                found=f"no decision {decision_id} to retrain" if decision is None else f"{decision_id} says {decision.action}",
                allowed="the id of a night's decision to retrain",
                remedy="trigger the training without a decision, or with one that `evergreen decisions` shows",
            )
        if kept is not None:
            return kept
        arrival = Arrival(decision_id=decision_id, run_id=run_id, arrived_at=datetime.now(UTC))
        try:
            with self._database.writing() as connection:
                connection.execute(insert(arrivals).values(arrival.model_dump()))
        except IntegrityError:
            with self._database.reading() as connection:
                kept = _arrival(connection, decision_id)
            if kept is None:
                raise
            return kept
        return arrival

    def pending(self, model: str | None = None, since: datetime | None = None) -> list[NightDecision]:
        """Return the decisions whose training ought to have been started and has not begun, oldest first.

        Args:
            model: Only this model's; None: of all models.
            since: Only decisions that were recorded from this moment on, by the wall clock.

        Raises:
            DigestMismatchError: A row was changed.
            StoreUnavailableError: The database did not answer.
        """
        query = select(nights).where(
            nights.c.action == Action.RETRAIN.value,
            nights.c.starts_training.is_(True),
            nights.c.id.not_in(select(arrivals.c.decision_id)),
        )
        if model is not None:
            query = query.where(nights.c.model == model)
        if since is not None:
            query = query.where(nights.c.recorded_at >= since)
        return self._read(query.order_by(nights.c.recorded_at, nights.c.id))

    def set_aside(self, model: str, as_of: datetime) -> dict[date, str]:
        """Return the days that nights up to a moment have set aside, with the decision that first did; never a released one.

        Raises:
            DigestMismatchError: A row was changed.
            StoreUnavailableError: The database did not answer.
        """
        query = _standing(model).where(nights.c.as_of <= as_of, nights.c.action == Action.QUARANTINE.value)
        with self._database.reading() as connection:
            decisions = _read(connection, query.order_by(nights.c.as_of))
            released = set(connection.execute(select(released_days.c.day).where(released_days.c.model == model)).scalars())
        aside: dict[date, str] = {}
        for decision in decisions:
            for day in decision.faulty_days:
                aside.setdefault(day, decision_id(decision))
        return {day: aside[day] for day in sorted(aside) if day not in released}

    def readmitted(self, model: str) -> tuple[date, ...]:
        """Return the days that a person has released, in order.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        query = select(released_days.c.day).where(released_days.c.model == model).order_by(released_days.c.day)
        with self._database.reading() as connection:
            return tuple(connection.execute(query).scalars())

    def release_day(self, model: str, day: date, actor: str, reason: str) -> None:
        """Let a day take part in training again, for good, whatever monitoring says of it; a person's word.

        Said twice, the first one is kept.

        Args:
            model: Name of the model.
            day: The day that was set aside.
            actor: Who says so.
            reason: Why, in words.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        known = select(released_days.c.day).where(released_days.c.model == model, released_days.c.day == day)
        row = {"model": model, "day": day, "actor": actor, "reason": reason}
        try:
            with self._database.writing() as connection:
                if connection.execute(known).scalar_one_or_none() is None:
                    connection.execute(insert(released_days).values(row | {"released_at": datetime.now(UTC)}))
        except IntegrityError:
            with self._database.reading() as connection:
                if connection.execute(known).scalar_one_or_none() is None:
                    raise

    def _read(self, query: Select[tuple[object, ...]]) -> list[NightDecision]:
        with self._database.reading() as connection:
            return _read(connection, query)


def _record(connection: Connection, decision: NightDecision) -> NightDecision:
    new_id = decision_id(decision)
    same_night = (nights.c.model == decision.model) & (nights.c.as_of == decision.as_of)
    kept = _read(connection, select(nights).where(same_night).order_by(nights.c.revision))
    # A training or a rollback may have begun: nothing that is found out later changes what this night has done.
    for standing in (*(k for k in kept if k.action in _ACTED), *(k for k in kept if decision_id(k) == new_id)):
        return standing
    stamped = decision.model_copy(update={"revision": len(kept) + 1, "recorded_at": datetime.now(UTC)})
    moments = {"as_of": stamped.as_of, "recorded_at": stamped.recorded_at}
    values = stamped.model_dump(mode="json", exclude={"format"}) | moments
    connection.execute(insert(nights).values(values | {"id": new_id}))
    return stamped


def _standing(model: str, known_at: datetime | None = None) -> Select[tuple[object, ...]]:
    """Select the newest revision of each night of a model, of those that had been recorded before a moment."""
    newest = select(nights.c.as_of, func.max(nights.c.revision).label("revision")).where(nights.c.model == model)
    if known_at is not None:
        newest = newest.where(nights.c.recorded_at < known_at)
    last = newest.group_by(nights.c.as_of).subquery()
    matches = (nights.c.as_of == last.c.as_of) & (nights.c.revision == last.c.revision)
    return select(nights).join(last, matches).where(nights.c.model == model)


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> list[NightDecision]:
    return [_from_row(row) for row in connection.execute(query).mappings()]


def _find(connection: Connection, wanted: str) -> NightDecision | None:
    return next(iter(_read(connection, select(nights).where(nights.c.id == wanted))), None)


def _arrival(connection: Connection, wanted: str) -> Arrival | None:
    row = connection.execute(select(arrivals).where(arrivals.c.decision_id == wanted)).mappings().one_or_none()
    return None if row is None else Arrival.model_validate(dict(row))


def _from_row(row: RowMapping) -> NightDecision:
    values = dict(row)
    stored_id = values.pop("id")
    decision = NightDecision.model_validate(values)
    if decision_id(decision) != stored_id:
        raise DigestMismatchError(
            "a night's decision was changed after it was written",
            found=f"decision {stored_id} of {decision.model}, whose content has the digest {decision_id(decision)}",
            allowed="decisions exactly as the night wrote them",
            remedy="find out who changed the database and restore it from a backup",
        )
    return decision
