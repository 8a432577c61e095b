"""Which challengers are tried out on live requests: the newest event of a model is where its rollout stands.

The gateway asks every second and obeys; whoever watches a challenger, or a person, adds the next event. Events are added and
never changed, in turn with the moves of the champion: a rollout goes on against the champion that its challenger was judged
against, or it ends.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from evergreen.registry import rollout_moves
from evergreen.registry.database import Database
from evergreen.registry.preconditions import turn_of
from evergreen.registry.rollout_events import (
    RolloutEvent,
    list_rollout_events,
    newest_event,
    newest_events,
    rollout_event_of_request,
)
from evergreen.registry.rollout_moves import Word
from evergreen.registry.timeline import person_at_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection


class RolloutStore:
    """The rollouts of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def current(self, model: str) -> RolloutEvent | None:
        """Return where a model's rollout stands, None while there is none.

        One that has expired and that nobody has ended is returned too: `RolloutEvent.is_on` tells.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            event = newest_event(connection, model)
        return None if event is None or event.has_ended else event

    def all_current(self) -> list[RolloutEvent]:
        """Return the same of every model that has a rollout, by name; one query, cheap enough to be asked every second.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return [event for event in newest_events(connection) if not event.has_ended]

    def history(self, model: str, *, rollout_id: str | None = None, limit: int | None = None) -> list[RolloutEvent]:
        """Return a model's events, newest first; only those of one rollout when it is named.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        with self._database.reading() as connection:
            return list_rollout_events(connection, model, rollout_id=rollout_id, limit=limit)

    def event_of(self, model: str, request_id: str) -> RolloutEvent | None:
        """Return the event that a request has brought about, None while there is none."""
        with self._database.reading() as connection:
            return rollout_event_of_request(connection, model, request_id)

    def begin_step(
        self,
        *,
        model: str,
        rollout_id: str,
        mode: Literal["shadow", "canary", "blue_green"],
        version: str,
        champion_version: str,
        step: int,
        steps: int,
        share: float,
        key: Sequence[str],
        actor: str,
        expires_at: datetime,
        reasons: Sequence[str] = (),
    ) -> RolloutEvent:
        """Begin a step of a rollout, or its first one and so the rollout.

        Called again, also after later steps have begun, it changes nothing. A rollout of the model that has expired and that
        nobody has ended is ended.

        Args:
            model: Name of the model.
            rollout_id: The decision that promotes the challenger.
            mode: How the challenger is tried out.
            version: The challenger.
            champion_version: The champion that it was judged against.
            step: From 1; each follows the one before.
            steps: How many there are.
            share: Part of the callers that the challenger is asked for.
            key: Fields that decide who is asked; empty for the key of the rows.
            actor: Who asks; empty for user@host.
            expires_at: When the champion answers alone again, whatever became of whoever watches.
            reasons: Why, in words.

        Returns:
            Where the rollout stands: at this step, or further.

        Raises:
            UndecidedError: No decision allows it, or the decision was rolled out or used before.
            PromotionConflictError: The champion is another one by now, or another rollout of the model is on.
            RegistryError: The rollout is paused and its next step asked for, or a step was left out.
            StoreUnavailableError: The database did not answer; trying again is safe.
        """
        wanted = RolloutEvent(
            model=model,
            sequence=0,
            rollout_id=rollout_id,
            action="step",
            mode=mode,
            version=version,
            champion_version=champion_version,
            step=step,
            steps=steps,
            share=share,
            key=tuple(key),
            reasons=tuple(reasons),
            actor=actor or person_at_machine(),
            expires_at=expires_at,
            happened_at=datetime.now(UTC),
        )
        return self._write(model, lambda connection: rollout_moves.begin_step(connection, wanted))

    def pause(self, model: str, *, reason: str, actor: str = "", request_id: str | None = None) -> RolloutEvent:
        """Keep the present step from ending: the challenger goes on being asked, its share stays, it is not released.

        The clock of the step's end goes on: a step that is paused until it expires is taken back. Called again, it changes
        nothing.

        Args:
            model: Name of the model.
            reason: Why, in words.
            actor: Who asks; empty for user@host.
            request_id: Names the request (a run id): a repeated one does nothing, also when it was resumed meanwhile.

        Raises:
            RegistryError: No challenger is on trial.
            StoreUnavailableError: The database did not answer; trying again is safe.
        """
        word = Word((reason,), actor or person_at_machine(), request_id or None)
        return self._write(model, lambda connection: rollout_moves.pause(connection, model, word))

    def resume(self, model: str, *, reason: str, actor: str = "", request_id: str | None = None) -> RolloutEvent:
        """Let the present step end again; arguments and errors as of `pause`. Called again, it changes nothing."""
        word = Word((reason,), actor or person_at_machine(), request_id or None)
        return self._write(model, lambda connection: rollout_moves.resume(connection, model, word))

    def roll_back(
        self,
        model: str,
        rollout_id: str,
        *,
        reasons: Sequence[str],
        actor: str = "",
        evidence_uri: str = "",
        evidence_digest: str = "",
        request_id: str | None = None,
        at_sequence: int | None = None,
    ) -> RolloutEvent:
        """Take a challenger on trial back. A rollout that has ended stays as it ended.

        Args:
            model: Name of the model.
            rollout_id: The decision that promotes the challenger.
            reasons: Why, in words.
            actor: Who asks; empty for user@host.
            evidence_uri: What was decided on, where something was.
            evidence_digest: Digest of it.
            request_id: Names the request (a run id), to find what it has done by `event_of`.
            at_sequence: Only while the rollout stands at this event; None: wherever it stands.

        Returns:
            The event that ended the rollout, this one or an earlier one: `promoted` where it was too late. With `at_sequence`
            it may also be where the rollout stands by now.

        Raises:
            RegistryError: The model never had this rollout.
            StoreUnavailableError: The database did not answer; trying again is safe.
        """
        word = Word(tuple(reasons), actor or person_at_machine(), request_id or None, evidence_uri, evidence_digest)
        return self._write(
            model, lambda connection: rollout_moves.roll_back(connection, model, rollout_id, word, at_sequence=at_sequence)
        )

    def _write(self, model: str, move: Callable[[Connection], RolloutEvent]) -> RolloutEvent:
        return self._database.write(move, turn=turn_of(model))
