"""What is expected of the champion: what the gate measured when it was released."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.measurement import Measurement
from evergreen.registry.decisions import DecisionStore

if TYPE_CHECKING:
    from evergreen.definitions.gate import MetricName
    from evergreen.files import Files
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def expected_metrics(champion: ChampionVersion, settings: Settings, files: Files) -> dict[MetricName, float]:
    """Return the metrics of the champion on the holdout it was released on; nothing where its measurement is gone.

    Raises:
        DigestMismatchError: The measurement is not the one that was decided on, or is of another bundle.
        StoreUnavailableError: A store did not answer.
    """
    record = DecisionStore(settings.database_url).get(champion.decision_id)
    if record is None:
        return {}
    try:
        data = files.read_bytes(record.measurement_uri)
    except FileNotFoundError:
        logger.warning("%s is gone: what version %s promised is not known", record.measurement_uri, champion.version)
        return {}
    if digest_bytes(data) != record.measurement_digest:
        raise _mismatch(record.measurement_uri, f"digest {digest_bytes(data)}", f"digest {record.measurement_digest}")
    measurement = Measurement.from_bytes(data)
    judged = measurement.judged("challenger")
    if judged is None or judged.bundle_digest != champion.bundle_digest:
        found = "no challenger" if judged is None else f"bundle {judged.bundle_digest}"
        raise _mismatch(record.measurement_uri, found, f"bundle {champion.bundle_digest}")
    found_metrics = measurement.statistics.metrics.get("challenger", {})
    return {metric: value for metric, value in found_metrics.items() if value is not None}


def _mismatch(uri: str, found: str, allowed: str) -> DigestMismatchError:
    return DigestMismatchError(
        "the champion's measurement is not the one that was decided on",
        found=f"{uri}: {found}",
        allowed=allowed,
        remedy="bring the file back from a backup, or train and release again",
    )
