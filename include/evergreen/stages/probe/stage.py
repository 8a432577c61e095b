"""The stage: read the rows, refit, compare, and keep the measurement; done once for the same rows and rules."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.observation import ProbeMeasurement
from evergreen.predictors.bundle import read_bundle
from evergreen.results import Probed
from evergreen.stages.probe.improvement import probe_improvement
from evergreen.stages.probe.refit import choose_recipe
from evergreen.stages.probe.rows import read_probe_rows
from evergreen.tables.night_files import keep_evidence
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import ChampionVersion, Collected, FeatureSet
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)
STAGE = "probe"
METHOD = 1
"""Raised when the same rows would be measured differently, so that older results are not taken for these."""


def probe(
    definition: ModelDefinition,
    collected: Collected,
    features: FeatureSet,
    settings: Settings,
    *,
    alarmed: bool,
    force: bool = False,
) -> Probed:
    """Measure whether a quick refit would have beaten the champion on the newest matured rows.

    Args:
        definition: The model.
        collected: What the night looks at.
        features: Today's features, of the same moment.
        settings: Where things are.
        alarmed: Whether the answers have become worse, which decides how sure the probe must be.
        force: Measure again even if the same was measured before.

    Raises:
        RequestError: There is no champion, or the features are of another moment.
        DigestMismatchError: The champion's bundle is not the one that was decided on.
        StoreUnavailableError: A store did not answer.
    """
    champion = collected.champion
    if champion is None or features.as_of != collected.as_of:
        raise RequestError(
            "a probe has nothing to compare",
            found="no champion" if champion is None else f"features of {features.as_of:%Y-%m-%d %H:%M}",
            allowed=f"a champion, and features of {collected.as_of:%Y-%m-%d %H:%M}",
            remedy="clear the night's tasks from `collect` on",
        )
    files = Files.from_settings(settings)
    confidence = definition.retraining.probe.confidence_when(alarmed=alarmed)
    store = StageResults(settings.results_uri, definition.name, files)
    key = _key(definition, collected, champion, features, confidence)
    known = store.get(STAGE, key, Probed)
    is_gone = known is not None and not files.exists(known.measurement_uri)

    def measure() -> Probed:
        return _measure(definition, collected, champion, features, settings, files, confidence)

    return store.once(STAGE, key, Probed, measure, force=force or is_gone)


def _key(
    definition: ModelDefinition, collected: Collected, champion: ChampionVersion, features: FeatureSet, confidence: float
) -> str:
    gate, retraining = definition.gate, definition.retraining
    return digest_json(
        {
            "method": METHOD,
            "as_of": collected.as_of.isoformat(),
            "collected": collected.digest,
            "outcomes": [collected.outcomes_uri, collected.outcomes_version],
            "predictions": _answers(collected),
            "champion": [champion.version, champion.bundle_digest],
            "features": [features.digest, features.uri, features.version],
            "labels": [features.labels_uri, features.labels_version],
            "excluded_days": [day.isoformat() for day in features.excluded_days],
            "training": definition.digest("training"),
            "gate": [gate.primary.metric, gate.resamples, gate.seed],
            "probe": retraining.probe.model_dump(mode="json"),
            "confidence": confidence,
            "mature_after": definition.monitoring.performance.mature_after.total_seconds(),
            "timezone": definition.schedule.timezone,
        }
    )


def _answers(collected: Collected) -> list[str | int]:
    """Return which answers the night looks at."""
    batch: list[str | int] = [collected.predictions_uri, collected.predictions_version]
    return (
        batch if collected.answers == "batch" else [*batch, collected.answers, collected.served_uri, collected.served_version]
    )


def _measure(
    definition: ModelDefinition,
    collected: Collected,
    champion: ChampionVersion,
    features: FeatureSet,
    settings: Settings,
    files: Files,
    confidence: float,
) -> Probed:
    began = time.monotonic()
    manifest, _ = read_bundle(files, champion.bundle_uri, champion.bundle_digest)
    rows = read_probe_rows(definition, collected, champion, features, files)
    found = probe_improvement(
        rows.train,
        rows.judged,
        numeric=features.numeric,
        categorical=features.categorical,
        recipe=choose_recipe(manifest.algorithm, manifest.hyper_parameters, definition.training),
        training=definition.training,
        gate=definition.gate,
        rules=definition.retraining.probe,
        confidence=confidence,
        champion_threshold=manifest.threshold,
        threads=settings.threads,
    )
    measurement = ProbeMeasurement(
        model=definition.name,
        as_of=collected.as_of,
        release_version=champion.version,
        bundle_digest=champion.bundle_digest,
        metric=definition.gate.primary.metric,
        confidence=confidence,
        **found._asdict(),
    )
    uri, digest = keep_evidence(measurement, "probe", settings, files)
    seconds = round(time.monotonic() - began, 3)
    logger.info("%s: improvement %s, at least %s; %.1f s", definition.name, found.improvement, found.lower, seconds)
    return Probed(
        model=definition.name,
        as_of=collected.as_of,
        improvement=found.improvement,
        lower=found.lower,
        upper=found.upper,
        measurement_uri=uri,
        measurement_digest=digest,
        seconds=seconds,
    )
