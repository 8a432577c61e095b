"""Bringing an endpoint to the champion: look, decide, move; and where that fails, the champion before comes back.

Our own timeline of releases says who the champion is; the endpoint follows. A release that an endpoint will not take is rolled
back there first, by compare-and-swap, and then the endpoint follows again: the two never mean different things for long.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from evergreen.errors import DeploymentError, RegistryError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.releases import ReleaseRegistry
from evergreen.sagemaker.evidence import judge
from evergreen.sagemaker.packing import put_package
from evergreen.sagemaker.plan import Arrived, Create, Switch, TakeBack, Wait, Wanted, Watch, Weigh, current_step, next_move

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.timeline import ReleaseEvent
    from evergreen.sagemaker.endpoint import EndpointAccess
    from evergreen.sagemaker.evidence import Look
    from evergreen.sagemaker.packing import Package
    from evergreen.sagemaker.plan import Mode
    from evergreen.sagemaker.seen import Endpoint
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)

ACTOR = "the endpoint"
REQUEST_PREFIX = "sagemaker "
"""Of the name of a rollback that an endpoint has brought about."""
_MOST_TURNS = 4
SHORTEST_LOOK_SECONDS = 60.0
"""CloudWatch counts by the minute."""
SETTLING_SECONDS = 60.0
"""After a move: a description that does not know of it yet would look as if SageMaker had gone back."""


@dataclass(frozen=True)
class Pause:
    """Something takes its time."""

    until: Literal["settled", "time"]
    """Until SageMaker is done, or until the next look."""
    seconds: float
    asked: str
    """The configuration that was switched to last."""
    taken_back: str = ""
    """Why the release was taken back meanwhile; empty where it was not."""


@dataclass(frozen=True)
class Brought:
    """An endpoint that was seen to answer with the champion."""

    endpoint: str
    config_name: str
    model_name: str
    package_uri: str
    package_digest: str
    version: str
    model_package_arn: str


@dataclass
class Bringing:
    """One attempt to bring an endpoint to its model's champion.

    Args:
        definition: The model.
        settings: Where things are.
        access: Its endpoint.
        own_version: The version that this run has released; None where it has released none.
        check: Asks the endpoint itself, and returns in words how it differs from the package; empty where it does not.
        registry: The timeline of releases; by default the one of the settings.
        now: The clock.
    """

    definition: ModelDefinition
    settings: Settings
    access: EndpointAccess
    own_version: str | None = None
    check: Callable[[Package], str] = lambda package: ""
    registry: ReleaseRegistry | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def go_on(self, asked: str = "", taken_back: str = "") -> Pause | Brought:
        """Make the next moves, until something takes its time or the endpoint was seen to answer with the champion.

        Args:
            asked: What the `Pause` before says.
            taken_back: The same.

        Raises:
            DeploymentError: The endpoint does not answer with the release; the champion before does, if there was one.
            UndecidedError: No decision vouches for the champion's bytes.
            DigestMismatchError: Its bundle or its online inputs are not what they were.
            StoreUnavailableError: AWS or a store did not answer; trying again is safe.
        """
        for _ in range(_MOST_TURNS):
            event, package = self._champion()
            seen = self.access.look()
            wanted = self._wanted(event, package, seen)
            move = next_move(seen, wanted, asked=asked, look=self._look(seen, wanted))
            if isinstance(move, Arrived):
                self.access.verify(wanted, package)
                why = self.check(package)
                if not why:
                    return self._arrived(event, package, wanted, taken_back)
                move = TakeBack(why)
            if isinstance(move, TakeBack):
                self._take_back(event, package, seen, move.why)
                asked, taken_back = "", move.why
                continue
            return self._wait_for(move, seen, wanted, asked, taken_back)
        raise _restless(self.definition)

    def _wait_for(
        self,
        move: Create | Switch | Weigh | Wait | Watch,
        seen: Endpoint | None,
        wanted: Wanted,
        asked: str,
        taken_back: str,
    ) -> Pause:
        """Make a move that takes its time."""
        if isinstance(move, Watch):
            seconds = max(self.definition.release.trial.look_every.total_seconds(), SHORTEST_LOOK_SECONDS)
            _log.info("%s: %s", wanted.section.endpoint, move.why)
            return Pause("time", seconds, asked, taken_back)
        if isinstance(move, Wait):
            self._require_patience(seen, wanted)
            return Pause("settled", SHORTEST_LOOK_SECONDS, asked, taken_back)
        self.access.act(move)
        if isinstance(move, Create | Switch):
            asked = move.config["EndpointConfigName"]
        return Pause("time", SETTLING_SECONDS, asked, taken_back)

    def _champion(self) -> tuple[ReleaseEvent, Package]:
        registry, model = self.registry or ReleaseRegistry(self.settings), self.definition.name
        event = next(iter(registry.timeline(model, limit=1)), None)
        champion = registry.version(model, event.version) if event is not None else None
        if event is None or champion is None:
            raise RegistryError(
                "there is no champion to bring to the endpoint",
                found=f"{model} has none",
                allowed="a model with a release",
                remedy=f"train a first champion: evergreen run training {model}",
            )
        return event, put_package(self.definition, champion, self.settings)

    def _wanted(self, event: ReleaseEvent, package: Package, seen: Endpoint | None) -> Wanted:
        plan = self.definition.release
        if plan.sagemaker is None:
            raise DeploymentError(
                "there is no endpoint to bring the release to",
                found=f"no release.sagemaker in the definition of {self.definition.name}",
                allowed="`target: sagemaker` and a section `sagemaker`",
                remedy="add it to model.yaml; docs/guides/sagemaker.md shows how",
            )
        model_name = self.access.make_model(package)
        return Wanted(model_name, plan.sagemaker, self._mode(event, package, seen), plan.endpoint_steps)

    def _mode(self, event: ReleaseEvent, package: Package, seen: Endpoint | None) -> Mode:
        """Return how the endpoint comes to the champion: another night's inputs and a rollback are not tried out."""
        if seen is None or seen.champion is None:
            return "direct"
        answering = self.access.answering(seen)
        if answering.model not in ("", self.definition.name):
            raise DeploymentError(
                "the endpoint belongs to another model",
                found=f"{seen.name} answers for {answering.model}",
                allowed="an endpoint for each model",
                remedy="choose another name in release.sagemaker.endpoint",
            )
        rollout = self.definition.release.rollout
        is_tried = event.action == "promote" and answering.bundle_digest != package.version.bundle_digest
        return rollout if is_tried and rollout != "blue_green" else "direct"

    def _look(self, seen: Endpoint | None, wanted: Wanted) -> Look | None:
        step = current_step(seen, wanted)
        if seen is None or step is None:
            return None
        trial, elapsed = self.definition.release.trial, self.now() - seen.changed_at
        return judge(self.access.evidence(seen), wanted.steps[step], trial.limits, elapsed, trial.give_up_after)

    def _arrived(self, event: ReleaseEvent, package: Package, wanted: Wanted, taken_back: str) -> Brought:
        """Show the package, and fail where what answers is not what this run has released."""
        arn = self.access.show(package)
        by_endpoint = (event.request_id or "").startswith(REQUEST_PREFIX)
        if taken_back or (by_endpoint and self.own_version is not None and self.own_version == event.previous_version):
            raise _taken_back(wanted.section.endpoint, event, taken_back or event.reason)
        return Brought(
            endpoint=wanted.section.endpoint,
            config_name=wanted.config["EndpointConfigName"],
            model_name=wanted.model_name,
            package_uri=package.uri,
            package_digest=package.digest,
            version=package.version.version,
            model_package_arn=arn,
        )

    def _take_back(self, event: ReleaseEvent, package: Package, seen: Endpoint | None, why: str) -> None:
        """Make the champion before the champion again; but what answered before this run is not taken back for it."""
        registry, model = self.registry or ReleaseRegistry(self.settings), self.definition.name
        before = registry.version(model, event.previous_version) if event.previous_version else None
        answering = self.access.answering(seen).bundle_digest if seen is not None else ""
        is_new = answering != package.version.bundle_digest or self.own_version == event.version
        if event.action != "promote" or before is None or not is_new:
            raise DeploymentError(
                "the endpoint was not brought to the release",
                found=why,
                allowed="an endpoint that takes it and keeps it",
                remedy="look at the endpoint's log in CloudWatch, correct what it names, then clear this task",
            )
        files = Files.from_settings(self.settings)
        registry.rollback(
            model,
            f"endpoint {self._endpoint}: {why}",
            to_version=before.version,
            expected_champion=event.version,
            check=lambda target: read_bundle(files, target.bundle_uri, target.bundle_digest),
            actor=ACTOR,
            request_id=f"{REQUEST_PREFIX}{event.generation} {event.version}",
        )

    @property
    def _endpoint(self) -> str:
        section = self.definition.release.sagemaker
        return section.endpoint if section is not None else ""

    def _require_patience(self, seen: Endpoint | None, wanted: Wanted) -> None:
        """Give up on a change that takes twice as long as it may: SageMaker should have ended it long ago."""
        limit = 2 * wanted.section.give_up_after
        if seen is None or self.now() - seen.changed_at <= limit:
            return
        raise DeploymentError(
            "SageMaker does not come to an end",
            found=f"{seen.name} is {seen.status} since {seen.changed_at:%Y-%m-%d %H:%M} UTC",
            allowed=f"at most {limit}",
            remedy="look at the endpoint's events; clear this task when it is settled",
        )


def _taken_back(endpoint: str, event: ReleaseEvent, why: str) -> DeploymentError:
    return DeploymentError(
        "the release was taken back: its endpoint would not have it",
        found=f"{why}; version {event.version} answers on {endpoint}, and is champion",
        allowed="an endpoint that takes a release and keeps it",
        remedy="look at the endpoint's log in CloudWatch; the next training brings the next challenger",
    )


def _restless(definition: ModelDefinition) -> DeploymentError:
    return DeploymentError(
        "the endpoint and the champion do not come together",
        found=f"the champion of {definition.name} has changed {_MOST_TURNS} times during one look",
        allowed="a champion that stays for a moment",
        remedy=f"look at who moves it: evergreen releases {definition.name}; then clear this task",
    )
