"""What triage and the probe concluded, kept in the night's folder under the digest of their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import join_uri
from evergreen.observation import Diagnosis, ProbeMeasurement
from evergreen.tables.addresses import night_folder
from evergreen.tables.observations import NAME_DIGEST_LENGTH

if TYPE_CHECKING:
    from evergreen.files import Files
    from evergreen.settings import Settings

Conclusion = TypeVar("Conclusion", Diagnosis, ProbeMeasurement)


def keep_conclusion(
    value: Diagnosis | ProbeMeasurement, name: Literal["diagnosis", "probe"], settings: Settings, files: Files
) -> tuple[str, str]:
    """Write a conclusion and return its address and digest; the same conclusion gives the same file.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    data = value.to_bytes()
    digest = digest_bytes(data)
    uri = join_uri(night_folder(settings, value.model, value.as_of), f"{name}-{digest[:NAME_DIGEST_LENGTH]}.json")
    files.write_bytes(uri, data)
    return uri, digest


def read_conclusion(kind: type[Conclusion], uri: str, digest: str, files: Files) -> Conclusion:
    """Read a conclusion back.

    Raises:
        FileNotFoundError: It is gone.
        DigestMismatchError: It is not the one that was written.
    """
    data = files.read_bytes(uri)
    found = digest_bytes(data)
    if found != digest:
        raise DigestMismatchError(
            "what a night concluded is not what was written",
            found=f"{uri}: digest {found}",
            allowed=f"digest {digest}",
            remedy="clear the night's tasks from `triage` on so that they conclude again",
        )
    return kind.from_bytes(data)
