"""What the checks of a night saw, kept in the night's folder under the digest of their bytes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import join_uri
from evergreen.observation import Observation, Severity
from evergreen.results import CheckedNight
from evergreen.tables.addresses import night_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.files import Files
    from evergreen.observation import Finding
    from evergreen.settings import Settings

SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.UNKNOWN, Severity.OK)
"""Worst first."""
NAME_DIGEST_LENGTH = 12
"""Characters of the digest in a file's name; the whole digest is in the result."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings sorted by severity, the worst first, each severity in the given order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def keep_observation(
    observation: Observation,
    settings: Settings,
    files: Files,
    *,
    report_uri: str = "",
    evidently_uri: str = "",
    answers_uri: str = "",
) -> CheckedNight:
    """Write an observation and return its summary; the same observation gives the same file.

    Args:
        observation: What a check saw.
        settings: Where things are.
        files: Opened with the same settings.
        report_uri: Page that shows it, if it has one of its own.
        evidently_uri: Page that Evidently drew of it, if it drew one.
        answers_uri: Page that Evidently drew of the answers that came true, if it drew one.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    data = observation.to_bytes()
    digest = digest_bytes(data)
    folder = night_folder(settings, observation.model, observation.as_of)
    uri = join_uri(folder, f"observation-{observation.kind}-{digest[:NAME_DIGEST_LENGTH]}.json")
    files.write_bytes(uri, data)
    sorted_findings = worst_first(observation.findings)
    return CheckedNight(
        model=observation.model,
        as_of=observation.as_of,
        kind=observation.kind,
        severity=sorted_findings[0].severity if sorted_findings else Severity.UNKNOWN,
        findings=dict(sorted(Counter(str(finding.severity) for finding in observation.findings).items())),
        headline=sorted_findings[0].reason if sorted_findings else "nothing was looked at",
        observation_uri=uri,
        observation_digest=digest,
        report_uri=report_uri,
        evidently_uri=evidently_uri,
        answers_uri=answers_uri,
    )


def read_observation(checked: CheckedNight, files: Files) -> Observation:
    """Read an observation back.

    Raises:
        FileNotFoundError: It is gone.
        DigestMismatchError: It is not the one that was written.
    """
    data = files.read_bytes(checked.observation_uri)
    digest = digest_bytes(data)
    if digest != checked.observation_digest:
        raise DigestMismatchError(
            "a stored observation is not the one that the check wrote",
            found=f"{checked.observation_uri}: digest {digest}",
            allowed=f"digest {checked.observation_digest}",
            remedy="clear the checks of this night so that they run again",
        )
    return Observation.from_bytes(data)
