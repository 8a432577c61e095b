"""A registry in which challengers are decided on, registered and tried out, as a training would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import ChampionVersion, Outcome
from released_models import Nowhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.settings import Settings

SHARES = (0.05, 0.25, 1.0)
Bundle = tuple[str, str]


class RolloutWorld:
    """Versions are numbers; the decision of each is its rollout's id.

    Args:
        settings: Where things are.
        model: Name of the model.
        bundles: Address and digest of the bundles that are there, by version; the others are not looked at.
    """

    def __init__(
        self, settings: Settings, model: str = "flights", bundles: Mapping[int, tuple[str, str]] | None = None
    ) -> None:
        self.settings, self.model, self.bundles = settings, model, bundles or {}
        self.registry = ReleaseRegistry(settings, mirror=Nowhere())
        self.store = RolloutStore(settings.database_url)

    def decide(self, number: int, against: str | None, outcome: Outcome = Outcome.PROMOTE) -> str:
        record = DecisionRecord(
            model=self.model,
            as_of=datetime(2013, 4, 1, tzinfo=UTC),
            outcome=outcome,
            reasons=(f"version {number} is better",),
            challenger_name="xgboost",
            challenger_digest=self._bundle(number)[1],
            champion_version=against,
            champion_digest=None,
            holdout_digest="h",
            measurement_digest="m",
            gate_digest="g",
            measurement_uri="/m",
            report_uri="/r",
            mlflow_run_id="run",
        )
        return DecisionStore(self.settings.database_url).record(record).id

    def register(self, number: int, against: str | None) -> str:
        """Decide for a version and register it; return the decision."""
        decision_id = self.decide(number, against)
        version = ChampionVersion(
            model=self.model,
            version=str(number),
            bundle_uri=self._bundle(number)[0],
            bundle_digest=self._bundle(number)[1],
            decision_id=decision_id,
            mlflow_run_id="run",
            trained_through=datetime(2013, 3, 1, tzinfo=UTC),
            features_source_digest="s",
        )
        self.registry.register(version)
        return decision_id

    def release(self, number: int, against: str | None) -> str:
        decision_id = self.register(number, against)
        self.registry.promote(self.model, str(number), decision_id, against, actor="night")
        return decision_id

    def begin(
        self,
        number: int,
        step: int = 1,
        *,
        against: str = "1",
        lasts: timedelta = timedelta(hours=1),
        actor: str = "training",
    ) -> RolloutEvent:
        """Begin a step of a version that was registered."""
        return self.store.begin_step(
            model=self.model,
            rollout_id=self.decide(number, against),
            mode="canary",
            version=str(number),
            champion_version=against,
            step=step,
            steps=len(SHARES),
            share=SHARES[step - 1],
            key=("flight",),
            actor=actor,
            expires_at=datetime.now(UTC) + lasts,
        )

    def actions(self) -> list[tuple[str, str]]:
        """Return what happened, oldest first, as (action, version)."""
        return [(event.action, event.version) for event in reversed(self.store.history(self.model))]

    def _bundle(self, number: int) -> Bundle:
        return self.bundles.get(number, (f"/bundles/{number}", f"bundle-{number}"))
