"""What a person does by hand: promote a version, roll back, pause a rollout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.errors import PromotionConflictError, RegistryError, SmokeTestError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.preconditions import unregistered
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.tables.smoke_tests import kept_smoke_test

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import ChampionVersion, Release
    from evergreen.settings import Settings


def promote(
    definition: ModelDefinition,
    settings: Settings,
    reason: str,
    *,
    version: str | None = None,
    actor: str = "",
    request_id: str | None = None,
    asked_at: datetime | None = None,
) -> Release:
    """Make a version the champion by a person's word: the challenger on trial, or a registered version.

    What is left of a trial is skipped. The gate is not, nor the smoke test: without a decision `promote` against today's
    champion, and without a smoke test that went well, nothing moves.

    Args:
        definition: The model.
        settings: Where things are.
        reason: Why, in words.
        version: A registered version; default the challenger on trial.
        actor: Who asks; default user@host.
        request_id: Names the request (a run id), so that a repeated task promotes once.
        asked_at: When it was asked for; nobody means a challenger whose trial has begun since. Default now.

    Raises:
        RegistryError: No challenger is on trial and no version is named, or no reason is given.
        UndecidedError: No decision allows it, the decision was used, or the challenger was taken back meanwhile.
        SmokeTestError: No smoke test of the version went well.
        DigestMismatchError: The version's bundle is gone or changed.
        PromotionConflictError: The champion is another one than the version was judged against.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    why, model = _require_reason(reason, "promote"), definition.name
    registry = ReleaseRegistry(settings)
    done = registry.release_of(model, request_id) if request_id else None
    if done is not None:
        registry.repair(model)
        return done
    store = RolloutStore(settings.database_url)
    trial = store.current(model)
    if trial is not None and not trial.is_on(datetime.now(UTC)):
        trial = None
    is_meant = trial is not None and _was_there(store, trial, asked_at)
    wanted = version or (trial.version if trial and is_meant else None)
    found = registry.version(model, wanted) if wanted else None
    if found is None:
        raise _nothing_to_promote(model, wanted, registry)
    expected = registry.vouch(found).champion_version
    read_bundle(Files.from_settings(settings), found.bundle_uri, found.bundle_digest)
    of_trial = trial if trial is not None and trial.version == found.version else None
    if of_trial is None:
        _require_smoke_test(found, settings)
    return registry.promote(
        model,
        found.version,
        found.decision_id,
        expected,
        rollout=of_trial.mode if of_trial else "direct",
        trial="on" if of_trial else "none",
        reason=f"{why} (step {of_trial.step} of {of_trial.steps} of its trial)" if of_trial else why,
        actor=actor,
        request_id=request_id,
    )


def rollback(
    definition: ModelDefinition,
    settings: Settings,
    reason: str,
    *,
    to_version: str | None = None,
    actor: str = "",
    request_id: str | None = None,
    asked_at: datetime | None = None,
) -> Release | RolloutEvent:
    """Take back what was released last: a challenger on trial, or else the champion.

    A challenger that is taken back leaves the champion as it is. Otherwise an earlier release comes back, whole: model, feature
    code, schema and thresholds; done again, it returns to the release that was taken back.

    Args:
        definition: The model.
        settings: Where things are.
        reason: Why, in words.
        to_version: Any version that was champion before, whatever is on trial; default as said above, and of the champion the
            one before it.
        actor: Who asks; default user@host.
        request_id: Names the request (a run id), so that a repeated task does not roll back twice.
        asked_at: When it was asked for; what was on trial then is meant, whatever a task that had to wait finds. Default now.

    Returns:
        The end of the rollout, or the release that came back.

    Raises:
        RegistryError: There is nothing to go back to, or no reason is given.
        UndecidedError: No decision vouches for that version.
        DigestMismatchError: That version's bundle is gone or changed.
        PromotionConflictError: Somebody else moved the champion meanwhile.
        StoreUnavailableError: The database did not answer; trying again is safe.
    """
    why = _require_reason(reason, "rollback")
    registry, files = ReleaseRegistry(settings), Files.from_settings(settings)
    moved = request_id is not None and registry.release_of(definition.name, request_id) is not None
    if to_version is None and not moved:
        taken_back = _take_back(definition.name, settings, why, actor, request_id, asked_at)
        if taken_back is not None:
            return taken_back
        _require_unmoved(registry, definition.name, asked_at)
    return registry.rollback(
        definition.name,
        why,
        to_version=to_version,
        # Looked at before anything moves: an incident is the worst moment to find that the way back is gone.
        check=lambda target: read_bundle(files, target.bundle_uri, target.bundle_digest),
        actor=actor,
        request_id=request_id,
    )


def pause_rollout(
    definition: ModelDefinition,
    settings: Settings,
    reason: str,
    *,
    resume: bool = False,
    actor: str = "",
    request_id: str | None = None,
) -> RolloutEvent:
    """Keep the challenger on trial at its present step, or let it go on.

    While paused it goes on being asked, its share stays, and it is not released; beyond its limits it is taken back as ever,
    and so it is when the step's time is up. Done again, nothing changes.

    Args:
        definition: The model.
        settings: Where things are.
        reason: Why, in words.
        resume: Let it go on.
        actor: Who asks; default user@host.
        request_id: Names the request (a run id), so that a repeated task does not undo what came after it.

    Raises:
        RegistryError: No challenger is on trial, or no reason is given.
        StoreUnavailableError: The database did not answer; trying again is safe.
    """
    why, store = _require_reason(reason, "pause-rollout"), RolloutStore(settings.database_url)
    move = store.resume if resume else store.pause
    return move(definition.name, reason=why, actor=actor, request_id=request_id)


def _take_back(
    model: str, settings: Settings, why: str, actor: str, request_id: str | None, asked_at: datetime | None
) -> RolloutEvent | None:
    """End the rollout that is meant, and return its end; None where none is. A repeated request finds what it did."""
    store = RolloutStore(settings.database_url)
    done = store.event_of(model, request_id) if request_id else None
    if done is not None:
        return done
    # One that has expired counts too: whoever sees a challenger in `evergreen status` does not mean the champion.
    trial = next(iter(store.history(model, limit=1)), None)
    if trial is None or not _was_there(store, trial, asked_at) or _was_over(trial, asked_at):
        return None
    ended = store.roll_back(model, trial.rollout_id, reasons=(why,), actor=actor, request_id=request_id)
    if ended.action == "promoted":
        raise PromotionConflictError(
            "the challenger was promoted meanwhile",
            found=f"version {ended.version} of {model} is champion, by {ended.actor}",
            allowed="a challenger that is still on trial",
            remedy=f"to take the new champion back: evergreen rollback {model} --reason …",
        )
    return ended


def _require_unmoved(registry: ReleaseRegistry, model: str, asked_at: datetime | None) -> None:
    """Refuse to take back a champion that nobody can have meant."""
    newest = next(iter(registry.timeline(model, limit=1)), None)
    if newest is None or asked_at is None or newest.happened_at <= asked_at:
        return
    raise PromotionConflictError(
        "the champion has moved since this rollback was asked for",
        found=f"{newest.action} to version {newest.version} at {newest.happened_at:%Y-%m-%d %H:%M:%S} UTC by {newest.actor}",
        allowed=f"the champion of {asked_at:%Y-%m-%d %H:%M:%S} UTC",
        remedy=f"look at what it is now, and ask again if it is still wanted: evergreen status {model}",
    )


def _was_there(store: RolloutStore, trial: RolloutEvent, asked_at: datetime | None) -> bool:
    """Return whether a rollout had begun when it was asked for."""
    return asked_at is None or store.history(trial.model, rollout_id=trial.rollout_id)[-1].happened_at <= asked_at


def _was_over(trial: RolloutEvent, asked_at: datetime | None) -> bool:
    """Return whether a rollout had ended when it was asked for."""
    return trial.has_ended and (asked_at is None or trial.happened_at <= asked_at)


def _require_reason(reason: str, command: str) -> str:
    if reason.strip():
        return reason.strip()
    raise RegistryError(
        "a release, a rollback and a pause each need a reason",
        found="an empty one",
        allowed="a few words that will be read when it is asked why",
        remedy=f'say why: evergreen {command} MODEL --reason "…"',
    )


def _require_smoke_test(version: ChampionVersion, settings: Settings) -> None:
    """Refuse a version that nobody saw answering; one on trial was seen."""
    if kept_smoke_test(version, settings) is None:
        raise SmokeTestError(
            "no smoke test of the version went well",
            found=f"none of version {version.version} of {version.model}",
            allowed="a version that a fresh process has loaded, and that answered as it was judged",
            remedy="clear the task smoke_test of its training run, then promote again",
        )


def _nothing_to_promote(model: str, version: str | None, registry: ReleaseRegistry) -> RegistryError:
    if version is None:
        return RegistryError(
            "there is nothing to promote",
            found=f"no challenger of {model} is on trial, and no version is named",
            allowed="a challenger on trial, or a registered version with a decision `promote` against the present champion",
            remedy=f"see what there is: evergreen releases {model}; then: evergreen promote {model} --version … --reason …",
        )
    return unregistered(model, version, [each.version for each in registry.versions(model)])
