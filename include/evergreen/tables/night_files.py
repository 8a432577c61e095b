"""What a night's decision rests on, kept in the night's folder under the digest of its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import join_uri
from evergreen.observation import Evidence, NightTerms
from evergreen.tables.addresses import night_folder

if TYPE_CHECKING:
    from evergreen.files import Files
    from evergreen.settings import Settings

NAME_DIGEST_LENGTH = 12
"""Characters of the digest in a file's name; the whole digest is in the result."""

Kept = TypeVar("Kept", bound=Evidence)


def evidence_uri(folder: str, name: str, digest: str) -> str:
    """Return where a piece of evidence lies in a night's folder, such as `…/probe-0123456789ab.json`."""
    return join_uri(folder, f"{name}-{digest[:NAME_DIGEST_LENGTH]}.json")


def keep_evidence(value: Evidence, name: str, settings: Settings, files: Files) -> tuple[str, str]:
    """Write a piece of evidence and return its address and digest; the same evidence gives the same file.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    data = value.to_bytes()
    digest = digest_bytes(data)
    uri = evidence_uri(night_folder(settings, value.model, value.as_of), name, digest)
    files.write_bytes(uri, data)
    return uri, digest


def keep_terms(terms: NightTerms, decision_id: str, settings: Settings, files: Files) -> None:
    """Write the terms of a decision, under the decision's id: deciding again on other terms gives another id.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    folder = night_folder(settings, terms.model, terms.as_of)
    files.write_bytes(evidence_uri(folder, terms.word, decision_id), terms.to_bytes())


def read_terms(folder: str, decision_id: str, files: Files) -> NightTerms:
    """Read the terms of a decision back.

    Raises:
        FileNotFoundError: They are gone; nights that were decided before terms were kept have none.
    """
    return NightTerms.from_bytes(files.read_bytes(evidence_uri(folder, NightTerms.word, decision_id)))


def read_evidence(kind: type[Kept], uri: str, digest: str, files: Files) -> Kept:
    """Read a piece of evidence back.

    Raises:
        FileNotFoundError: It is gone.
        DigestMismatchError: It is not the one that was written.
    """
    data = files.read_bytes(uri)
    found = digest_bytes(data)
    if found != digest:
        raise DigestMismatchError(
            f"the {kind.word} of a night is not the one that was written",
            found=f"{uri}: digest {found}",
            allowed=f"digest {digest}",
            remedy="clear the night's checks and what follows them, so that they run again",
        )
    return kind.from_bytes(data)
