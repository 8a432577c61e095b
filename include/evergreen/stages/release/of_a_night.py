"""What a night of monitoring decides about the champion: the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import UndecidedError
from evergreen.files import Files
from evergreen.observation import Action
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.nights import NightStore
from evergreen.registry.releases import ReleaseRegistry

if TYPE_CHECKING:
    from evergreen.results import Release
    from evergreen.settings import Settings

ACTOR = "monitoring"


def take_back(decision_id: str, settings: Settings) -> Release:
    """Make the release before the champion again, because a night found the champion worse than it.

    Args:
        decision_id: The night's decision; said again, it moves nothing.
        settings: Where things are.

    Raises:
        UndecidedError: No night decided so, or no decision vouches for the version to go back to.
        PromotionConflictError: The champion is not the one that the night was about.
        DigestMismatchError: The bundle of the version to go back to is gone or changed.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    night = NightStore(settings.database_url).get(decision_id)
    if night is None or night.action is not Action.ROLLBACK or night.rolls_back_to is None:
        raise UndecidedError(
            "a rollback names a decision that no night has taken",
            found=f"no decision {decision_id} to go back" if night is None else f"{decision_id} says {night.action}",
            allowed="the id of a night's decision that names a version to go back to",
            remedy="take a release back by hand: evergreen rollback MODEL --reason …",
        )
    files = Files.from_settings(settings)
    return ReleaseRegistry(settings).rollback(
        night.model,
        night.reasons[0],
        to_version=night.rolls_back_to,
        expected_champion=night.release_version,
        check=lambda target: read_bundle(files, target.bundle_uri, target.bundle_digest),
        actor=ACTOR,
        request_id=f"night {decision_id}",
    )
