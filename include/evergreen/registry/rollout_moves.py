"""The rules by which a rollout goes on and ends, each inside the caller's transaction: the check and the event are one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from evergreen.errors import PromotionConflictError, RegistryError, UndecidedError
from evergreen.registry.preconditions import require_champion, require_compared_with, require_vouched
from evergreen.registry.rollout_events import (
    ENDS,
    RolloutEvent,
    append_rollout_event,
    newest_event,
    newest_event_of,
    rollout_event_of_request,
)
from evergreen.registry.timeline import ReleaseEvent, event_of_decision, latest_event

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Word:
    """Why an event happens and by whose hand."""

    reasons: tuple[str, ...]
    actor: str
    request_id: str | None = None
    """Names the request, so that asking twice does it once."""
    evidence_uri: str = ""
    evidence_digest: str = ""


def begin_step(connection: Connection, wanted: RolloutEvent) -> RolloutEvent:
    """Begin a step of a rollout; where the rollout has come as far already, nothing changes.

    Args:
        connection: A transaction that may write.
        wanted: The step as it shall begin; its sequence is not looked at.

    Returns:
        Where the rollout stands: at `wanted`, or further.

    Raises:
        UndecidedError: No decision allows it, or the decision was rolled out or used before.
        PromotionConflictError: The champion is another one by now, or another rollout of the model is on.
        RegistryError: The rollout is paused, or a step was left out.
    """
    present = _unended(connection, wanted)
    if present is not None and present.step >= wanted.step:
        return present
    _, decision = require_vouched(connection, wanted.model, wanted.version, wanted.rollout_id)
    require_compared_with(decision, wanted.champion_version)
    champion = latest_event(connection, wanted.model)
    require_champion(wanted.model, champion.version if champion else None, wanted.champion_version)
    _require_next(wanted, present)
    last = present or _make_room(connection, wanted)
    event = wanted.model_copy(update={"sequence": last.sequence + 1 if last else 1})
    append_rollout_event(connection, event)
    return event


def pause(connection: Connection, model: str, word: Word) -> RolloutEvent:
    """Keep the present step from ending; again, nothing changes.

    Raises:
        RegistryError: No rollout of the model is on.
    """
    done = _done(connection, model, word)
    if done is not None:
        return done
    present = _require_on(connection, model)
    return present if present.is_paused else _append(connection, present, "pause", word)


def resume(connection: Connection, model: str, word: Word) -> RolloutEvent:
    """Let the present step end again; where it may, nothing changes.

    Raises:
        RegistryError: No rollout of the model is on.
    """
    done = _done(connection, model, word)
    if done is not None:
        return done
    present = _require_on(connection, model)
    return _append(connection, present, "resume", word) if present.is_paused else present


def roll_back(
    connection: Connection, model: str, rollout_id: str, word: Word, *, at_sequence: int | None = None
) -> RolloutEvent:
    """Take a challenger on trial back; a rollout that has ended stays as it ended.

    Args:
        connection: A transaction that may write.
        model: Name of the model.
        rollout_id: The decision that promotes the challenger.
        word: Why, and by whose hand.
        at_sequence: Only while it stands at this event.

    Raises:
        RegistryError: The model never had this rollout.
    """
    present = newest_event_of(connection, model, rollout_id)
    if present is None:
        raise RegistryError(
            "there is no such rollout",
            found=f"no rollout {rollout_id} of {model}",
            allowed="a rollout that has begun",
            remedy=f"list them: evergreen releases {model}",
        )
    if present.has_ended or (at_sequence is not None and present.sequence != at_sequence):
        return present
    return _append(connection, present, "rolled_back", word)


def end_with_champion(connection: Connection, move: ReleaseEvent) -> None:
    """End the model's rollout because its champion moves: promoted where its challenger is the new champion."""
    present = newest_event(connection, move.model)
    if present is None or present.has_ended:
        return
    if move.action == "promote" and present.version == move.version:
        _append(connection, present, "promoted", Word((f"made champion by release {move.generation}",), move.actor))
        return
    what = "another version was promoted" if move.action == "promote" else "the champion was taken back"
    why = f"{what}: release {move.generation} made version {move.version} champion in place of {move.previous_version}"
    _append(connection, present, "rolled_back", Word((why,), move.actor))


def require_on_trial(connection: Connection, model: str, decision_id: str, *, to_the_end: bool) -> None:
    """Refuse a decision whose challenger is not on trial.

    Args:
        connection: A transaction.
        model: Name of the model.
        decision_id: The decision that promotes the challenger.
        to_the_end: Refuse it too before the last step, and while the rollout is paused.

    Raises:
        UndecidedError: It never was on trial, or it was taken back.
        RegistryError: A step is left, or the rollout is paused.
    """
    present = newest_event_of(connection, model, decision_id)
    if present is None or present.has_ended:
        raise UndecidedError(
            "the challenger is not on trial",
            found=f"rollout {decision_id} of {model}: {_standing(present) if present else 'it never began'}",
            allowed="a rollout that has begun and that nobody has ended",
            remedy=f"keep the champion, or promote it all the same: evergreen promote {model} --version … --reason …",
        )
    if not to_the_end:
        return
    _require_not_paused(present)
    if present.step < present.steps:
        raise RegistryError(
            "the challenger's trial is not over",
            found=f"rollout {decision_id} of {model}: {_standing(present)}",
            allowed=f"a release after step {present.steps}",
            remedy=f"wait, or promote it now: evergreen promote {model} --reason …",
        )


def _unended(connection: Connection, wanted: RolloutEvent) -> RolloutEvent | None:
    """Return where this rollout stands, None before its first step; refuse one that is over."""
    present = newest_event_of(connection, wanted.model, wanted.rollout_id)
    used = event_of_decision(connection, wanted.model, wanted.rollout_id)
    if used is None and (present is None or not present.has_ended):
        return present
    by_release = f"release {used.generation} made version {used.version} champion" if used else ""
    raise UndecidedError(
        "a decision is rolled out once",
        found=f"rollout {wanted.rollout_id} of {wanted.model}: {by_release or (_standing(present) if present else '')}",
        allowed="a decision that was neither rolled out nor used before",
        remedy="let the gate decide again: run the training anew, on newer rows",
    )


def _require_not_paused(present: RolloutEvent) -> None:
    if present.is_paused:
        raise RegistryError(
            "the rollout is paused",
            found=f"rollout {present.rollout_id} of {present.model}: {_standing(present)}",
            allowed="no next step and no release before it is resumed",
            remedy=f"evergreen pause-rollout {present.model} --resume --reason …",
        )


def _require_next(wanted: RolloutEvent, present: RolloutEvent | None) -> None:
    if present is not None:
        _require_not_paused(present)
    following = present.step + 1 if present else 1
    if wanted.step != following:
        raise RegistryError(
            "the steps of a rollout come one after the other",
            found=f"step {wanted.step} of rollout {wanted.rollout_id}, after {f'step {present.step}' if present else 'none'}",
            allowed=f"step {following}",
            remedy="clear the first step that has not run, or run the training again",
        )


def _make_room(connection: Connection, wanted: RolloutEvent) -> RolloutEvent | None:
    """Return the model's last event once no other rollout is on; one that nobody watches any more is ended."""
    other = newest_event(connection, wanted.model)
    if other is None or other.has_ended:
        return other
    if other.is_on(wanted.happened_at):
        raise PromotionConflictError(
            "another challenger is on trial",
            found=f"version {other.version} of {other.model}, rollout {other.rollout_id}: {_standing(other)}",
            allowed="one rollout of a model at a time",
            remedy=f"wait for its end, or end it: evergreen rollback {other.model} --reason …, or evergreen promote",
        )
    why = f"it expired at {other.expires_at:%Y-%m-%d %H:%M} UTC, and rollout {wanted.rollout_id} began"
    return _append(connection, other, "rolled_back", Word((why,), wanted.actor))


def _require_on(connection: Connection, model: str) -> RolloutEvent:
    present = newest_event(connection, model)
    if present is None or not present.is_on(datetime.now(UTC)):
        raise RegistryError(
            "no challenger is on trial",
            found=f"the last rollout of {model}: {_standing(present)}" if present else f"{model} never had one",
            allowed="a rollout between its first step and its end",
            remedy=f"see what there was: evergreen releases {model}",
        )
    return present


def _done(connection: Connection, model: str, word: Word) -> RolloutEvent | None:
    return rollout_event_of_request(connection, model, word.request_id) if word.request_id else None


def _append(
    connection: Connection,
    present: RolloutEvent,
    action: Literal["pause", "resume", "promoted", "rolled_back"],
    word: Word,
) -> RolloutEvent:
    values: dict[str, object] = asdict(word) | {
        "sequence": present.sequence + 1,
        "action": action,
        "happened_at": datetime.now(UTC),
    }
    if action in ENDS:
        values["share"] = 0.0
    event = present.model_copy(update=values)
    append_rollout_event(connection, event)
    return event


def _standing(event: RolloutEvent) -> str:
    """Return in words where a rollout stands, with who brought it there and why."""
    where = f"{event.action.replace('_', ' ')} at step {event.step} of {event.steps}" if event.action != "step" else ""
    where = where or f"at step {event.step} of {event.steps}"
    by = f"{where} by {event.actor} at {event.happened_at:%Y-%m-%d %H:%M} UTC"
    return f"{by}: {'; '.join(event.reasons)}" if event.reasons else by
