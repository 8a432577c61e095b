"""Stage release: the tested version becomes the champion; and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import RegistryError, UndecidedError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Outcome

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import Release, SmokeTest, Verdict
    from evergreen.settings import Settings


def release(
    definition: ModelDefinition, tested: SmokeTest, verdict: Verdict, settings: Settings, *, actor: str = ""
) -> Release:
    """Make the tested version the champion.

    A run that was killed half-way and comes again completes what was left; a decision promotes once.

    Args:
        definition: The model.
        tested: The smoke test of the version; its bytes must be the ones the verdict is about.
        verdict: The gate's answer; what counts is the record kept under its id.
        settings: Where things are.
        actor: Who releases; default user@host.

    Raises:
        UndecidedError: No `promote` record stands behind the bytes, or it was used and taken back.
        PromotionConflictError: The champion is no longer the one the challenger was judged against.
        DigestMismatchError: The bundle was changed since it was tested.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    registered = tested.registered
    if (registered.bundle_digest, registered.decision_id) != (verdict.challenger.bundle_digest, verdict.decision_id):
        raise UndecidedError(
            "what was tested is not what was decided on",
            found=f"tested: bundle {registered.bundle_digest}, decision {registered.decision_id}",
            allowed=f"bundle {verdict.challenger.bundle_digest}, decision {verdict.decision_id}",
            remedy="run the training again: its stages hand on one and the same challenger",
        )
    if verdict.outcome is not Outcome.PROMOTE:
        raise UndecidedError(
            "the verdict does not allow a release",
            found=f"{verdict.outcome}: {verdict.reasons[0]}",
            allowed="promote",
            remedy="keep the champion; the gate's report says why",
        )
    read_bundle(Files.from_settings(settings), registered.bundle_uri, registered.bundle_digest)
    return ReleaseRegistry(settings).promote(
        definition.name,
        registered.version,
        verdict.decision_id,
        verdict.champion_version,
        rollout=definition.release.rollout,
        actor=actor,
    )


def rollback(
    definition: ModelDefinition,
    settings: Settings,
    reason: str,
    *,
    to_version: str | None = None,
    actor: str = "",
    request_id: str | None = None,
) -> Release:
    """Bring an earlier release back, whole: model, feature code, schema and thresholds.

    Done again, it returns to the release that was taken back.

    Args:
        definition: The model.
        settings: Where things are.
        reason: Why, in words.
        to_version: Any version that was champion before; default the one before the present champion.
        actor: Who asks; default user@host.
        request_id: Names the request (a run id), so that a repeated task does not roll back twice.

    Raises:
        RegistryError: There is nothing to go back to, or no reason is given.
        UndecidedError: No decision vouches for that version.
        DigestMismatchError: That version's bundle is gone or changed.
        PromotionConflictError: Somebody else moved the champion meanwhile.
    """
    if not reason.strip():
        raise RegistryError(
            "a rollback needs a reason",
            found="an empty one",
            allowed="a few words that will be read when it is asked why",
            remedy='say why: evergreen rollback MODEL --reason "…"',
        )
    files = Files.from_settings(settings)
    return ReleaseRegistry(settings).rollback(
        definition.name,
        reason.strip(),
        to_version=to_version,
        # Looked at before anything moves: an incident is the worst moment to find that the way back is gone.
        check=lambda target: read_bundle(files, target.bundle_uri, target.bundle_digest),
        actor=actor,
        request_id=request_id,
    )
