"""What the checks of a night saw, kept beside a summary that fits through a task's result."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from evergreen.observation import Observation, Severity, worst_first
from evergreen.results import CheckedNight
from evergreen.tables.night_files import keep_evidence, read_evidence

if TYPE_CHECKING:
    from evergreen.files import Files
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def keep_observation(
    observation: Observation, settings: Settings, files: Files, *, evidently_uri: str = "", answers_uri: str = ""
) -> CheckedNight:
    """Write an observation, log its worst finding and return its summary; the same observation gives the same file.

    Args:
        observation: What a check saw.
        settings: Where things are.
        files: Opened with the same settings.
        evidently_uri: Page that Evidently drew of it, if it drew one.
        answers_uri: Page that Evidently drew of the answers that came true, if it drew one.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    uri, digest = keep_evidence(observation, f"observation-{observation.kind}", settings, files)
    sorted_findings = worst_first(observation.findings)
    headline = sorted_findings[0].reason if sorted_findings else "nothing was looked at"
    logger.info("%s: %s", observation.model, headline)
    return CheckedNight(
        model=observation.model,
        as_of=observation.as_of,
        kind=observation.kind,
        severity=sorted_findings[0].severity if sorted_findings else Severity.UNKNOWN,
        findings=dict(sorted(Counter(str(finding.severity) for finding in observation.findings).items())),
        headline=headline,
        observation_uri=uri,
        observation_digest=digest,
        evidently_uri=evidently_uri,
        answers_uri=answers_uri,
    )


def read_observation(checked: CheckedNight, files: Files) -> Observation:
    """Read an observation back.

    Raises:
        FileNotFoundError: It is gone.
        DigestMismatchError: It is not the one that was written.
    """
    return read_evidence(Observation, checked.observation_uri, checked.observation_digest, files)
