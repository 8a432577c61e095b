"""What is kept of a trial: one file per decision, named by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import Files, join_uri
from evergreen.stages.rollout.decision import decide
from evergreen.tables.addresses import trials_folder
from evergreen.trial_evidence import TrialRecord

if TYPE_CHECKING:
    from evergreen.settings import Settings


def keep(record: TrialRecord, settings: Settings) -> tuple[str, str]:
    """Keep a record; return its address and digest."""
    data = record.to_bytes()
    digest = digest_bytes(data)
    uri = join_uri(trials_folder(settings, record.evidence.model, record.evidence.rollout_id), f"{digest}.json")
    Files.from_settings(settings).write_bytes(uri, data)
    return uri, digest


def replay(record: TrialRecord) -> bool:
    """Decide again on a record, and return whether it comes to the same, word for word; needs no table and no clock."""
    return decide(record.evidence) == record.decision


def kept_trials(model: str, rollout_id: str, settings: Settings) -> list[tuple[TrialRecord, bool]]:
    """Return every decision that is kept of a rollout, the first first, and whether it comes to the same today.

    Args:
        model: Name of the model.
        rollout_id: The decision that promotes the challenger; one that was never tried out has none.
        settings: Where things are.

    Raises:
        DigestMismatchError: A record was changed.
        StoreUnavailableError: The store did not answer.
    """
    files = Files.from_settings(settings)
    records = []
    for info in files.list(trials_folder(settings, model, rollout_id)):
        data = files.read_bytes(info.uri)
        named = info.uri.rpartition("/")[2].removesuffix(".json")
        if digest_bytes(data) != named:
            raise DigestMismatchError(
                "the evidence of a trial was changed after it was kept",
                found=f"digest {digest_bytes(data)} at {info.uri}",
                allowed=named,
                remedy="find out who changed it, and restore it from a backup",
            )
        records.append(TrialRecord.from_bytes(data))
    records.sort(key=lambda record: (record.evidence.looked_at, record.evidence.step.number))
    return [(record, replay(record)) for record in records]
