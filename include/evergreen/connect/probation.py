"""A new champion on probation: what is compared tonight, and the way back that a night has decided on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.results import Collected, ComparedReleases, Decided, Release

_log = logging.getLogger(__name__)


def compare_releases(run: Run, night: Collected) -> ComparedReleases | None:
    """Compare the champion with the release that it replaced; None where no look is due.

    That the release before can no longer be asked, say because a column of its features is gone, is kept and stops nothing.

    Raises:
        StoreUnavailableError: A store did not answer.
    """
    from evergreen.connect.champion import features_to_look_back
    from evergreen.errors import EvergreenError, StoreUnavailableError
    from evergreen.stages.probation import compare, due_look, not_compared

    look = due_look(run.definition, night)
    if look is None:
        return None
    try:
        features = features_to_look_back(run, look.replaced, look.first_day)
        return compare(run.definition, night, look, features, run.settings)
    except StoreUnavailableError:
        raise
    except EvergreenError as error:
        _log.warning("version %s could not be asked beside the champion: %s", look.replaced.version, error)
        return not_compared(run.definition, night, look, run.settings, because=f"{error.what}: {error.found}.")


def take_back(run: Run, decided: Decided) -> Release:
    """Make the release before the champion again, as a night decided; a repeated task moves nothing twice.

    Raises:
        AirflowSkipException: The champion has moved since the night was decided on.
        UndecidedError: The decision is not there, or no decision vouches for the version to go back to.
        DigestMismatchError: That version's bundle is gone or changed.
        StoreUnavailableError: A store did not answer.
    """
    from evergreen.connect.skipping import skipped
    from evergreen.errors import PromotionConflictError
    from evergreen.stages.release import take_back as stage

    try:
        return stage(decided.decision_id, run.settings)
    except PromotionConflictError as error:
        raise skipped(f"the champion has moved since: {error.found}") from error
