"""The endpoint of one model: looked at, moved, and verified. What is done is decided elsewhere."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evergreen.errors import DeploymentError
from evergreen.sagemaker.calls import call, find, is_said_of
from evergreen.sagemaker.documents import (
    BUNDLE_DIGEST,
    MODEL_NAME,
    Document,
    create_request,
    group_request,
    model_request,
    package_description,
    package_request,
    update_request,
    weights_request,
)
from evergreen.sagemaker.evidence import Evidence
from evergreen.sagemaker.plan import Create, Switch, Weigh
from evergreen.sagemaker.seen import ANSWERING, Endpoint, read_endpoint

if TYPE_CHECKING:
    from evergreen.definitions.sagemaker import SageMaker
    from evergreen.sagemaker.packing import Package
    from evergreen.sagemaker.plan import Wanted

_log = logging.getLogger(__name__)

_PERIOD_SECONDS = 60
_MOST_POINTS = 1440
"""CloudWatch tells no more of a metric at once."""
_IS_THERE = ("already existing", "already exists")
_AT_WORK = ("in-progress", "in progress", "is currently Updating", "is currently Creating")


@dataclass(frozen=True)
class Answering:
    """Whose model answers now."""

    model: str
    bundle_digest: str


class EndpointAccess:
    """One model's endpoint.

    Args:
        model: Name of the model.
        section: Which one, and on what.
        client: A boto3 client of `sagemaker`.
        watch: A boto3 client of `cloudwatch`.
    """

    def __init__(self, model: str, section: SageMaker, client: Any, watch: Any) -> None:
        self._model = model
        self._section = section
        self._client = client
        self._watch = watch

    def look(self) -> Endpoint | None:
        """Return the endpoint as it is; None where there is none.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        found = find("describe the endpoint", self._client.describe_endpoint, EndpointName=self._section.endpoint)
        if found is None:
            return None
        name = found["EndpointConfigName"]
        config = find("describe its configuration", self._client.describe_endpoint_config, EndpointConfigName=name)
        return read_endpoint(found, config or {})

    def answering(self, seen: Endpoint) -> Answering:
        """Return whose model an endpoint's champion is.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        name = seen.champion.model_name if seen.champion is not None else ""
        found = find("describe a model", self._client.describe_model, ModelName=name) if name else None
        told = (found or {}).get("PrimaryContainer", {}).get("Environment", {})
        return Answering(told.get(MODEL_NAME, ""), told.get(BUNDLE_DIGEST, ""))

    def make_model(self, package: Package) -> str:
        """Make the model of a package, unless it is there; return its name.

        Raises:
            DeploymentError: AWS refuses, or there is another one of that name.
            StoreUnavailableError: AWS did not answer.
        """
        request = model_request(self._section, package)
        name = request["ModelName"]
        found = find("describe a model", self._client.describe_model, ModelName=name)
        if found is None:
            self._make("make a model", self._client.create_model, request)
            found = call("describe a model", self._client.describe_model, ModelName=name)
        _require_container(name, found, request)
        return str(name)

    def act(self, move: Create | Switch | Weigh) -> None:
        """Make a move; where SageMaker is at work already, leave it at that.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        section, client = self._section, self._client
        if isinstance(move, Weigh):
            _log.info("%s: %s; weights %s", section.endpoint, move.why, move.weights)
            request = weights_request(section.endpoint, move.weights)
            self._move("change weights", client.update_endpoint_weights_and_capacities, request)
            return
        name = self._make_config(move.config)
        if isinstance(move, Create):
            _log.info("%s: is made with configuration %s", section.endpoint, name)
            self._make("make the endpoint", client.create_endpoint, create_request(section, name, self._model))
            return
        _log.info("%s: %s; configuration %s", section.endpoint, move.why, name)
        request = update_request(section, name, is_guarded=move.is_guarded)
        self._move("update the endpoint", client.update_endpoint, request)

    def verify(self, wanted: Wanted, package: Package) -> Endpoint:
        """Return the endpoint if it is, down to the bytes' address, what was asked for: whatever anybody has said of it before.

        Raises:
            DeploymentError: It is not.
            StoreUnavailableError: AWS did not answer.
        """
        seen = self.look()
        config, name = wanted.config, wanted.config["EndpointConfigName"]
        if seen is None or (seen.status, seen.config_name) != (ANSWERING, name):
            found = f"{seen.status} with configuration {seen.config_name}" if seen is not None else "no endpoint"
            raise _otherwise(self._section.endpoint, found, f"{ANSWERING} with configuration {name}")
        production = [one.document for one in seen.production]
        if production != config["ProductionVariants"] or seen.shadow:
            raise _otherwise(name, f"variants {production}", f"variants {config['ProductionVariants']}")
        found_model = find("describe a model", self._client.describe_model, ModelName=wanted.model_name)
        _require_container(wanted.model_name, found_model or {}, model_request(self._section, package))
        return seen

    def show(self, package: Package) -> str:
        """Show a package in SageMaker's own registry, once; return its ARN, empty where the definition names no group.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        group, client = self._section.model_package_group, self._client
        if group is None:
            return ""
        if find("describe the group", client.describe_model_package_group, ModelPackageGroupName=group) is None:
            self._make("make the group", client.create_model_package_group, group_request(group, self._model))
        found = self._shown(group, package_description(package))
        if found is None:
            found = call("show the package", client.create_model_package, **package_request(group, self._section, package))
        return str(found["ModelPackageArn"])

    def _shown(self, group: str, description: str) -> Document | None:
        request: Document = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
        while True:
            page = call("list packages", self._client.list_model_packages, **request)
            for one in page.get("ModelPackageSummaryList", ()):
                if one.get("ModelPackageDescription") == description:
                    return dict(one)
            if not page.get("NextToken"):
                return None
            request["NextToken"] = page["NextToken"]

    def evidence(self, seen: Endpoint, now: datetime | None = None) -> Evidence:
        """Return what CloudWatch has counted of the challenger since the endpoint was changed last.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        challenger = seen.challenger
        since, until = seen.changed_at, (now or datetime.now(UTC)) + timedelta(seconds=_PERIOD_SECONDS)
        name = challenger.name if challenger is not None else ""
        counted = [self._sum(metric, name, since, until) for metric in ("Invocations", "Invocation5XXErrors")]
        return Evidence(requests=counted[0], failures=counted[1], ringing=self.ringing())

    def ringing(self) -> tuple[str, ...]:
        """Return the alarms that are going off; one that is not there counts as going off, because nobody watches.

        Raises:
            DeploymentError: AWS refuses.
            StoreUnavailableError: AWS did not answer.
        """
        names = list(self._section.alarms)
        if not names:
            return ()
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = call("look at alarms", self._watch.describe_alarms, AlarmNames=names, AlarmTypes=kinds)
        alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
        states = {one["AlarmName"]: one["StateValue"] for one in alarms}
        return tuple(name for name in names if states.get(name, "ALARM") == "ALARM")

    def _sum(self, metric: str, variant: str, since: datetime, until: datetime) -> int:
        dimensions = [
            {"Name": "EndpointName", "Value": self._section.endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        found = call(
            f"read the metric {metric}",
            self._watch.get_metric_statistics,
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=since,
            EndTime=until,
            Period=_period_seconds(since, until),
            Statistics=["Sum"],
        )
        return round(sum(float(point["Sum"]) for point in found.get("Datapoints", ())))

    def _make_config(self, config: Document) -> str:
        name = config["EndpointConfigName"]
        found = find("describe a configuration", self._client.describe_endpoint_config, EndpointConfigName=name)
        if found is None:
            self._make("make a configuration", self._client.create_endpoint_config, config)
        return str(name)

    def _make(self, what: str, operation: Any, request: Document) -> None:
        """Make something that may have been made a moment ago: by whoever was killed, or by a run beside this one."""
        try:
            call(what, operation, **request)
        except DeploymentError as error:
            if not is_said_of(error, *_IS_THERE):
                raise

    def _move(self, what: str, operation: Any, request: Document) -> None:
        try:
            call(what, operation, **request)
        except DeploymentError as error:
            if not is_said_of(error, *_AT_WORK):
                raise
            _log.info("%s: SageMaker is at work already", self._section.endpoint)


def _period_seconds(since: datetime, until: datetime) -> int:
    """Return whole minutes in which so long a time has few enough periods."""
    return _PERIOD_SECONDS * (int((until - since).total_seconds()) // (_PERIOD_SECONDS * (_MOST_POINTS - 2)) + 1)


def _require_container(name: str, found: Document, request: Document) -> None:
    """Refuse a model that is not the one of the release."""
    wanted, container = request["PrimaryContainer"], found.get("PrimaryContainer", {})
    differing = sorted(key for key in wanted if container.get(key) != wanted[key])
    if found.get("ExecutionRoleArn", request["ExecutionRoleArn"]) != request["ExecutionRoleArn"]:
        differing.append("ExecutionRoleArn")
    if differing:
        shown = ", ".join(f"{key} {container.get(key, found.get(key))!r}" for key in differing)
        raise _otherwise(name, shown, ", ".join(f"{key} {wanted.get(key, request.get(key))!r}" for key in differing))


def _otherwise(name: str, found: str, allowed: str) -> DeploymentError:
    return DeploymentError(
        "SageMaker answers with something else than the release",
        found=f"{name}: {found}",
        allowed=allowed,
        remedy="look who else changes this endpoint; then clear this task, which brings it to the champion",
    )
