"""One release in memory, ready to answer: its schema, its features, its model."""

from __future__ import annotations

import logging
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.errors import EvergreenError, FeatureError
from evergreen.features.point_in_time import to_microseconds
from evergreen.serving.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.serving import ReviewBand, Serving
    from evergreen.features.few_rows import RowProgram
    from evergreen.features.online import OnlineFeatures, RequestRows
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.predictors.row_scorer import RowScorer
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.results import ChampionVersion
    from evergreen.serving.release_metrics import ReleaseMetrics
    from evergreen.serving.request_schema import RequestSchema

    FeatureColumns = Mapping[str, Sequence[float | str | None]]

logger = logging.getLogger(__name__)


class LoadedRelease:
    """A champion on one publication of online inputs. Nothing in it changes; what changes is which one is live.

    Args:
        champion: The version, with the digest its decision record vouches for.
        online: The publication that its features rest on.
        manifest: What the bundle says about itself.
        serving: How the definition of today wants answers to be given.
        title: What the model predicts, in words.
        schema: What a caller may send.
        features: Request rows to features, for any feature code.
        program: The same for few rows and in microseconds, where the code allows it.
        scorer: The model.
        metrics: The counters of this release, which outlive a change of its online inputs.
        examples: Request rows as a caller would send them.
    """

    def __init__(
        self,
        *,
        champion: ChampionVersion,
        online: OnlineInputsVersion,
        manifest: BundleManifest,
        serving: Serving,
        title: str,
        schema: RequestSchema,
        features: OnlineFeatures,
        program: RowProgram | None,
        scorer: RowScorer,
        metrics: ReleaseMetrics,
        examples: Sequence[Mapping[str, object]],
    ) -> None:
        self.champion = champion
        self.online = online
        self.manifest = manifest
        self.serving = serving
        self.title = title
        self.schema = schema
        self.examples = examples
        self.scorer = scorer
        self.metrics = metrics
        self._features = features
        self._program = program
        self._order = (*manifest.numeric, *manifest.categorical)
        self.features_as_of = online.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
        self.online_as_of_us = to_microseconds(online.as_of)
        self.trained_through_us = to_microseconds(champion.trained_through)

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.champion.model

    @property
    def key_fields(self) -> Sequence[str]:
        """Fields of a row that make up its key."""
        return self._features.key_fields

    @property
    def is_quick(self) -> bool:
        """Whether few rows take microseconds."""
        return self._program is not None

    @property
    def engine(self) -> str:
        """What computes the features: `few_rows`, or `pandas`."""
        return "few_rows" if self.is_quick else "pandas"

    def answer(self, rows: Sequence[Any]) -> Answers:
        """Answer decoded rows that sent the same joined columns.

        Raises:
            FeatureError: The features of these rows cannot be computed.
        """
        try:
            request = self._features.rows(self.schema.columns(rows), absent=msgspec.UNSET)
            features = self._compute(request)
        except EvergreenError:
            raise
        except Exception as error:
            logger.exception("%s version %s: features of %d rows", self.model, self.champion.version, len(rows))
            raise _not_computable(error) from error
        probability = self.scorer.probability(features, request.n_rows)
        threshold = self.scorer.threshold
        return Answers(
            key=request.keys,
            event_time_us=request.event_times,
            moment_us=request.moments,
            features=list(zip(*[features[name] for name in self._order], strict=True)) or [()] * request.n_rows,
            probability=probability,
            decision=[value >= threshold for value in probability],
            review=review(probability, self.serving.review),
        )

    def _compute(self, request: RequestRows) -> FeatureColumns:
        if self._program is not None:
            try:
                features = self._program.run(request.columns, request.n_rows)
            except Exception:
                logger.exception("%s version %s: few_rows failed, pandas answers", self.model, self.champion.version)
                features = None
            if features is not None:
                return features
            self.metrics.fallbacks += 1  # slower, and right all the same
        return self._features.compute(request)


def review(probability: Sequence[float], band: ReviewBand | None) -> list[bool]:
    """Return which answers a person should look at."""
    if band is None:
        return [False] * len(probability)
    lowest, highest = band.lowest, band.highest
    return [lowest <= value <= highest for value in probability]


def _not_computable(error: Exception) -> FeatureError:
    return FeatureError(
        "the features of these rows cannot be computed",
        found=f"{type(error).__name__} in the feature code",
        allowed="rows as the release has learned from",
        remedy="compare the rows with the examples on /docs; the gateway's log holds the traceback",
    )
