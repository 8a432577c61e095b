"""The stage: the tested version becomes the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.vouching import require_tested

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import Release, SmokeTest, Verdict
    from evergreen.settings import Settings


def release(
    definition: ModelDefinition,
    tested: SmokeTest,
    verdict: Verdict,
    settings: Settings,
    *,
    actor: str = "",
    skip_trial: bool = False,
) -> Release:
    """Make the tested version the champion; after its trial, where the definition has one.

    A first champion is released directly: there is nobody to answer beside it. A run that was killed half-way and
    comes again completes what was left; a decision promotes once.

    Args:
        definition: The model.
        tested: The smoke test of the version; its bytes must be the ones the verdict is about.
        verdict: The gate's answer; what counts is the record kept under its id.
        settings: Where things are.
        actor: Who releases; default user@host.
        skip_trial: Release it untried, as if `rollout` were `direct`; the timeline says so.

    Raises:
        UndecidedError: No `promote` record stands behind the bytes, it was used and taken back, or the challenger was.
        PromotionConflictError: The champion is no longer the one the challenger was judged against.
        RegistryError: The challenger's trial is not over, or paused.
        DigestMismatchError: The bundle was changed since it was tested.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    registered = tested.registered
    require_tested(tested, verdict)
    read_bundle(Files.from_settings(settings), registered.bundle_uri, registered.bundle_digest)
    on_trial = bool(definition.release.steps) and verdict.champion_version is not None and not skip_trial
    return ReleaseRegistry(settings).promote(
        definition.name,
        registered.version,
        verdict.decision_id,
        verdict.champion_version,
        rollout=definition.release.rollout if on_trial else "direct",
        actor=actor,
        # The timeline is asked, not the task before: a challenger that was taken back a moment ago stays where it is.
        trial="over" if on_trial else "none",
    )
