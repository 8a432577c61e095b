"""Who is judged by what: everything a measurement depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.measurement import Terms

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import Candidate, ChampionVersion, FeatureSet

METHOD = 1
"""Raised when the same inputs would be measured differently, so that older results are not taken for these."""


@dataclass(frozen=True)
class Contest:
    """Who is judged by what."""

    definition: ModelDefinition
    features: FeatureSet
    champion_features: FeatureSet | None
    challenger: Candidate
    baseline: Candidate
    champion: ChampionVersion | None

    @property
    def terms(self) -> Terms:
        """What is measured by."""
        gate = self.definition.gate
        return Terms(
            metric=gate.primary.metric,
            confidence=gate.primary.confidence,
            resamples=gate.resamples,
            seed=gate.seed,
            holdout_days=math.ceil(gate.holdout / timedelta(days=1)),
            slices=tuple(piece.by for piece in gate.slices),
            costs=self.definition.training.costs,
        )

    @property
    def key(self) -> str:
        """Digest of everything a measurement depends on."""
        champion = self.champion and {"version": self.champion.version, "bundle": self.champion.bundle_digest}
        return digest_json(
            {
                "method": METHOD,
                "terms": self.terms.to_xcom(),
                "as_of": self.features.as_of.isoformat(),
                "features": self.features.digest,
                "excluded_days": [day.isoformat() for day in self.features.excluded_days],
                "champion_features": self.champion_features and self.champion_features.digest,
                "challenger": self.challenger.bundle_digest,
                "baseline": self.baseline.bundle_digest,
                "champion": champion,
                "timezone": self.definition.schedule.timezone,
            }
        )
