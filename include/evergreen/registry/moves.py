"""The rules by which a champion moves, each inside the caller's transaction: the check and the move are one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from evergreen.errors import RegistryError, UndecidedError
from evergreen.registry.preconditions import named, require_champion, require_compared_with, require_vouched
from evergreen.registry.rollout_moves import end_with_champion, require_on_trial
from evergreen.registry.timeline import (
    ReleaseEvent,
    append_event,
    event_of_decision,
    event_of_request,
    event_of_version,
    latest_event,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from evergreen.results import ChampionVersion

Trial = Literal["none", "on", "over"]
"""What a promotion asks of the challenger's rollout. `none`: nothing. `on`: nobody has ended it. `over`: it is at its last step
besides, and not paused."""

_REASON_CHARACTERS = 1000


def promote(
    connection: Connection,
    model: str,
    version: str,
    decision_id: str,
    expected_champion: str | None,
    *,
    rollout: str,
    actor: str,
    trial: Trial = "none",
    reason: str = "",
    request_id: str | None = None,
) -> ReleaseEvent:
    """Make a version the champion, if the champion is still the one it was judged against; the model's rollout ends with it.

    A decision promotes once. Asking again while its version is the champion changes nothing; asking again after somebody took
    that version back is refused, so that a repeated task never undoes a rollback.

    Args:
        connection: A transaction that may write.
        model: Name of the model.
        version: The version's number.
        decision_id: The decision that allows it.
        expected_champion: The champion that it was judged against; None: there is none yet.
        rollout: How it came to this.
        actor: Who asks.
        trial: What is asked of the decision's rollout.
        reason: Why, in words; empty for the decision's reasons.
        request_id: Names the request.

    Raises:
        UndecidedError: No decision allows it, the decision was used and taken back, or the challenger is not on `trial`.
        PromotionConflictError: The champion is another one by now.
        RegistryError: The trial is not over.
    """
    candidate, decision = require_vouched(connection, model, version, decision_id)
    current = latest_event(connection, model)
    used = event_of_decision(connection, model, decision_id)
    if used is not None:
        return _used_decision(used, current)
    require_compared_with(decision, expected_champion)
    require_champion(model, current.version if current else None, expected_champion)
    if trial != "none":
        require_on_trial(connection, model, decision_id, to_the_end=trial == "over")
    why = reason or " ".join(decision.reasons)
    event = _next_event(candidate, current, "promote", reason=why, rollout=rollout, actor=actor, request_id=request_id)
    append_event(connection, event)
    end_with_champion(connection, event)
    return event


def roll_back(
    connection: Connection,
    model: str,
    reason: str,
    *,
    to_version: str | None,
    expected_champion: str | None,
    actor: str,
    request_id: str | None,
) -> ReleaseEvent:
    """Make an earlier champion the champion again: by default the one before the present one. The model's rollout ends too.

    Args:
        connection: A transaction that may write.
        model: Name of the model.
        reason: Why, in words.
        to_version: Any version that was champion before; None for the previous one.
        expected_champion: The champion to take back; None for whichever it is.
        actor: Who asks.
        request_id: Names the request: asked twice, the champion moves once.

    Raises:
        RegistryError: There is nothing to go back to.
        UndecidedError: No decision vouches for that version, or it never was champion.
        PromotionConflictError: The champion is not the expected one.
    """
    done = event_of_request(connection, model, request_id) if request_id else None
    if done is not None:
        return done
    current, target = plan_rollback(connection, model, to_version=to_version, expected_champion=expected_champion)
    event = _next_event(target, current, "rollback", reason=reason, rollout="direct", actor=actor, request_id=request_id)
    append_event(connection, event)
    end_with_champion(connection, event)
    return event


def plan_rollback(
    connection: Connection, model: str, *, to_version: str | None, expected_champion: str | None
) -> tuple[ReleaseEvent, ChampionVersion]:
    """Return the champion's last move and the version a rollback would go to; raises as `roll_back`."""
    current = latest_event(connection, model)
    if current is None:
        raise RegistryError(
            "there is no champion to take back",
            found=f"{model} never had one",
            allowed="a model with at least two releases",
            remedy=f"train a first champion: evergreen run training {model}",
        )
    if expected_champion is not None:
        require_champion(model, current.version, expected_champion)
    target, _ = require_vouched(connection, model, _rollback_target(connection, current, to_version))
    return current, target


def _rollback_target(connection: Connection, current: ReleaseEvent, to_version: str | None) -> str:
    if to_version is None and current.previous_version is None:
        raise RegistryError(
            "there is nothing to go back to",
            found=f"version {current.version} of {current.model} is its first release",
            allowed="a model with at least two releases",
            remedy="train and release another version, or stop serving the model",
        )
    target = to_version or current.previous_version or ""
    if target == current.version:
        raise RegistryError(
            "this version is the champion already",
            found=f"version {target} of {current.model}",
            allowed="a version that was champion before",
            remedy="name another version, or leave it out for the previous one",
        )
    if event_of_version(connection, current.model, target) is None:
        raise UndecidedError(
            "a rollback goes to a version that was champion before",
            found=f"version {target} of {current.model}, which never was",
            allowed=f"the previous version, {named(current.previous_version)}, or an earlier champion",
            remedy=f"list them: evergreen status {current.model}",
        )
    return target


def _used_decision(used: ReleaseEvent, current: ReleaseEvent | None) -> ReleaseEvent:
    if current is not None and current.decision_id == used.decision_id:
        return current
    raise UndecidedError(
        "the decision was used already, and the champion has moved on since",
        found=f"decision {used.decision_id} made version {used.version} champion as release {used.generation}"
        + (f"; now it is version {current.version}, by {current.action}: {current.reason}" if current else ""),
        allowed="a decision promotes once",
        remedy=f"to bring it back on purpose: evergreen rollback {used.model} --to-version {used.version} --reason …",
    )


def _next_event(
    version: ChampionVersion,
    current: ReleaseEvent | None,
    action: Literal["promote", "rollback"],
    *,
    reason: str,
    rollout: str,
    actor: str,
    request_id: str | None = None,
) -> ReleaseEvent:
    return ReleaseEvent(
        model=version.model,
        generation=current.generation + 1 if current else 1,
        action=action,
        version=version.version,
        previous_version=current.version if current else None,
        decision_id=version.decision_id,
        rollout=rollout,
        reason=reason[:_REASON_CHARACTERS],
        actor=actor,
        request_id=request_id or None,
        happened_at=datetime.now(UTC),
    )
