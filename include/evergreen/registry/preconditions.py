"""What must hold before a champion moves or a challenger is tried out, looked at inside the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import PromotionConflictError, UndecidedError
from evergreen.registry.decisions import find_decision
from evergreen.registry.version_rows import find_version
from evergreen.registry.vouching import require_decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from evergreen.registry.decisions import DecisionRecord
    from evergreen.results import ChampionVersion


def turn_of(model: str) -> str:
    """Return the turn of `Database.writing` in which a model's champion moves and its rollout goes on.

    Each of the two rests on rows of the other.
    """
    return f"release {model}"


def require_vouched(
    connection: Connection, model: str, version: str, decision_id: str | None = None
) -> tuple[ChampionVersion, DecisionRecord]:
    """Return a registered version with the decision that lets it be released.

    Args:
        connection: A transaction.
        model: Name of the model.
        version: The version's number.
        decision_id: The decision that is named as the reason; None for the one that the version was registered with.

    Raises:
        UndecidedError: Nobody registered the version, or the decision does not allow its bytes.
    """
    found = find_version(connection, model, version)
    if found is None:
        raise unregistered(model, version)
    wanted = found.decision_id if decision_id is None else decision_id
    record = find_decision(connection, wanted)
    return found, require_decision(record, decision_id=wanted, model=model, bundle_digest=found.bundle_digest)


def unregistered(model: str, version: str, known: Sequence[str] = ()) -> UndecidedError:
    """Make the error for a version that nobody registered; `known` names those that somebody did, where they were looked up."""
    if known:
        allowed, remedy = f"version {', '.join(known)}", f"see what there is: evergreen releases {model}"
    else:
        allowed = "a version written by the `register` stage, with its digest and decision"
        remedy = f"run the training so that it registers one: evergreen run training {model}"
    return UndecidedError(
        "the version is not one that Evergreen registered",
        found=f"version {version} of {model}",
        allowed=allowed,
        remedy=remedy,
    )


def require_compared_with(decision: DecisionRecord, champion: str | None) -> None:
    """Refuse a decision that compares with another champion.

    Raises:
        UndecidedError: It does.
    """
    if decision.champion_version == champion:
        return
    raise UndecidedError(
        "the decision was taken against another champion",
        found=f"decision {decision.id} compares with {named(decision.champion_version)}",
        allowed=f"a decision that compares with {named(champion)}",
        remedy="hand on the verdict's own champion_version, or let the gate decide again",
    )


def require_champion(model: str, found: str | None, expected: str | None) -> None:
    """Refuse when the champion is not the expected version; None stands for no champion.

    Raises:
        PromotionConflictError: It is another one.
    """
    if found == expected:
        return
    raise PromotionConflictError(
        "somebody else moved the champion meanwhile",
        found=f"the champion of {model} is {named(found)}",
        allowed=f"{named(expected)}, which the challenger was judged against",
        remedy="run the training again: the gate then compares with the new champion",
    )


def named(version: str | None) -> str:
    """Return a champion in words."""
    return f"version {version}" if version else "no champion"
