"""The stage: read the rows of a look, compare both releases, and keep the measurement."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pyarrow as pa

from evergreen.digests import digest_table
from evergreen.files import Files
from evergreen.measurement import finite
from evergreen.observation import ProbationMeasurement
from evergreen.predictors.bundle import load_predictor, read_bundle
from evergreen.results import ComparedReleases
from evergreen.stages.probation.rows import SAID, WOULD_HAVE_SAID, read_look
from evergreen.statistics.paired_measures import Answered, paired_measures
from evergreen.tables.night_files import keep_evidence

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.results import Collected, FeatureSet
    from evergreen.settings import Settings
    from evergreen.stages.probation.looks import Look

logger = logging.getLogger(__name__)


class _Measured(TypedDict):
    """The fields of a `ProbationMeasurement` that follow from the rows."""

    champion: float | None
    replaced: float | None
    improvement: float | None
    lower: float | None
    upper: float | None
    rows: int
    days: int
    positives: int
    rows_digest: str


def compare(
    definition: ModelDefinition, collected: Collected, look: Look, replaced_features: FeatureSet, settings: Settings
) -> ComparedReleases:
    """Measure whether the champion has answered worse than the release that it replaced would have.

    Args:
        definition: The model; `release.probation` and `gate` say how it is measured.
        collected: What the night looks at.
        look: Which days, and which releases.
        replaced_features: Features of the look's days, built as those of the release before were.
        settings: Where things are.

    Raises:
        DigestMismatchError: A bundle is not the one that was decided on.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    manifest, _ = read_bundle(files, look.champion.bundle_uri, look.champion.bundle_digest)
    replaced = load_predictor(files, look.replaced.bundle_uri, look.replaced.bundle_digest)
    rows = read_look(look, collected, replaced, replaced_features, files)
    thresholds = [manifest.threshold, replaced.manifest.threshold]
    return _keep(definition, collected, look, settings, _measure(rows, definition, thresholds))


def not_compared(
    definition: ModelDefinition, collected: Collected, look: Look, settings: Settings, *, because: str
) -> ComparedReleases:
    """Keep that the release before can no longer be asked, and why; the night goes on.

    Args:
        definition: The model.
        collected: What the night looks at.
        look: Which days, and which releases.
        settings: Where things are.
        because: What stands against it, in words.

    Raises:
        StoreUnavailableError: A store did not answer.
    """
    return _keep(definition, collected, look, settings, _NOTHING, because)


_NOTHING = _Measured(
    champion=None, replaced=None, improvement=None, lower=None, upper=None, rows=0, days=0, positives=0, rows_digest=""
)


def _keep(
    definition: ModelDefinition, collected: Collected, look: Look, settings: Settings, measured: _Measured, because: str = ""
) -> ComparedReleases:
    probation = definition.release.probation
    measurement = ProbationMeasurement(
        model=definition.name,
        as_of=collected.as_of,
        release_version=look.champion.version,
        bundle_digest=look.champion.bundle_digest,
        replaced_version=look.replaced.version,
        replaced_digest=look.replaced.bundle_digest,
        metric=definition.gate.primary.metric,
        confidence=probation.confidence_of_a_look,
        look=look.number,
        looks=len(probation.look_after_days),
        first_day=look.first_day,
        last_day=look.last_day,
        not_measured_because=because,
        **measured,
    )
    uri, digest = keep_evidence(measurement, measurement.word, settings, Files.from_settings(settings))
    logger.info(
        "%s: version %s beside version %s, look %d: improvement %s, at most %s",
        definition.name,
        look.champion.version,
        look.replaced.version,
        look.number,
        measurement.improvement,
        measurement.upper,
    )
    return ComparedReleases(
        model=definition.name,
        as_of=collected.as_of,
        version=look.champion.version,
        replaced_version=look.replaced.version,
        improvement=measurement.improvement,
        lower=measurement.lower,
        upper=measurement.upper,
        measurement_uri=uri,
        measurement_digest=digest,
    )


def _measure(rows: pd.DataFrame, definition: ModelDefinition, thresholds: list[float]) -> _Measured:
    if rows.empty:
        return _NOTHING
    champion, replaced = (
        Answered(rows[name].to_numpy(dtype=np.float64), threshold)
        for name, threshold in zip((SAID, WOULD_HAVE_SAID), thresholds, strict=True)
    )
    found = paired_measures(
        rows["label"].to_numpy(dtype=np.float64),
        rows["_day"].to_list(),
        replaced,
        champion,
        gate=definition.gate,
        costs=definition.training.costs,
        confidence=definition.release.probation.confidence_of_a_look,
    )
    return _Measured(
        champion=finite(found.second),
        replaced=finite(found.first),
        improvement=finite(found.improvement.estimate),
        lower=finite(found.improvement.lower),
        upper=finite(found.improvement.upper),
        rows=len(rows),
        days=rows["_day"].nunique(),
        positives=int(rows["label"].sum()),
        rows_digest=digest_table(pa.Table.from_pandas(rows, preserve_index=False)),
    )
