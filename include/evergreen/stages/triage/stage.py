"""The stage: read what the checks saw and what was decided before, diagnose, and keep the diagnosis."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.registry.nights import NightStore
from evergreen.registry.restraints import PAST_NIGHTS
from evergreen.results import Triaged
from evergreen.stages.triage.diagnose import diagnose
from evergreen.tables.night_files import keep_evidence
from evergreen.tables.observations import read_observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.observation import Observation
    from evergreen.results import CheckedNight, Collected
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def triage(definition: ModelDefinition, collected: Collected, checked: Sequence[CheckedNight], settings: Settings) -> Triaged:
    """Work out why a night looks as it does; the same observations and the same past give the same diagnosis.

    Args:
        definition: The model; its sections `monitoring` and `retraining` hold the rules.
        collected: What the night looks at.
        checked: What each check saw; one that is missing makes the night incomplete.
        settings: Where things are.

    Raises:
        RequestError: An observation is of another night.
        DigestMismatchError: An observation or an earlier decision was changed.
        FileNotFoundError: An observation is gone.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    observations = {seen.kind: _of_this_night(seen, collected) for seen in (read_observation(one, files) for one in checked)}
    past = NightStore(settings.database_url).nights(definition.name, collected.as_of, PAST_NIGHTS)
    diagnosis = diagnose(
        observations,
        past,
        new_rows=collected.new_rows,
        monitoring=definition.monitoring,
        retraining=definition.retraining,
        released_at=collected.released_at,
    )
    uri, digest = keep_evidence(diagnosis, "diagnosis", settings, files)
    logger.info("%s: %s, %s. %s", definition.name, diagnosis.cause, diagnosis.severity, diagnosis.reasons[0])
    return Triaged(
        model=diagnosis.model,
        as_of=diagnosis.as_of,
        cause=diagnosis.cause,
        severity=diagnosis.severity,
        reasons=diagnosis.reasons,
        wants_probe=diagnosis.wants_probe,
        diagnosis_uri=uri,
        diagnosis_digest=digest,
    )


def _of_this_night(seen: Observation, collected: Collected) -> Observation:
    version = collected.champion.version if collected.champion else None
    if (seen.model, seen.as_of, seen.release_version) != (collected.model, collected.as_of, version):
        raise RequestError(
            "an observation is of another night",
            found=f"the check of {seen.kind} saw {seen.model}, version {seen.release_version}, {seen.as_of:%Y-%m-%d %H:%M}",
            allowed=f"{collected.model}, version {version}, {collected.as_of:%Y-%m-%d %H:%M}",
            remedy="clear the checks of this night so that they run again",
        )
    return seen
