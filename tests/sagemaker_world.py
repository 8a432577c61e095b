"""A model whose releases go to SageMaker, and SageMaker as moto plays it, with what moto leaves out.

moto has no UpdateEndpoint and no shadow variants; `fill_in` adds them as the API reference has them, instantly done.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from evergreen.definitions import load_definition
from evergreen.registry.releases import ReleaseRegistry
from evergreen.sagemaker.bringing import Bringing, Brought, Pause
from evergreen.sagemaker.endpoint import EndpointAccess
from released_models import MODEL, Nowhere
from served_model import ServedModel

BUCKET, REGION = "evergreen-packages", "us-east-1"
ENDPOINT = "flights"
SECTION: dict[str, Any] = {
    "endpoint": ENDPOINT,
    "role_arn": "arn:aws:iam::123456789012:role/evergreen",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/evergreen-gateway:0.1.0",
    "packages": f"s3://{BUCKET}/packages",
    "model_package_group": "flights",
}


def a_plan(rollout: str = "direct", *, trial: dict[str, Any] | None = None, **section: Any) -> dict[str, Any]:
    """Section `release` of a definition."""
    plan: dict[str, Any] = {"target": "sagemaker", "sagemaker": {**SECTION, **section}, "rollout": rollout}
    return plan if trial is None else {**plan, "trial": trial}


def airflow_connection(url: str) -> str:
    """The connection `aws_default` to a server of our own, as a variable of the environment holds it."""
    extra = {"region_name": REGION, "endpoint_url": url}
    return json.dumps({"conn_type": "aws", "login": "x", "password": "x", "extra": extra})


def client(service: str, url: str) -> Any:
    """A client of a server of our own, which is asked once."""
    config = Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": REGION}
    return boto3.client(service, endpoint_url=url, config=config, **keys)


def count(cloudwatch: Any, requests: int, failures: int = 0, variant: str = "challenger") -> None:
    """Have CloudWatch say how often a variant of the endpoint was asked, and failed."""
    dimensions = [{"Name": "EndpointName", "Value": ENDPOINT}, {"Name": "VariantName", "Value": variant}]
    figures = {"Invocations": requests, "Invocation5XXErrors": failures}
    data = [{"MetricName": name, "Dimensions": dimensions, "Value": float(value)} for name, value in figures.items()]
    cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=data)


def fill_in(patch: Any) -> None:
    """Give moto's SageMaker what it leaves out."""
    from moto.core.responses import ActionResult
    from moto.sagemaker.responses import SageMakerResponse

    def update_endpoint(self: Any) -> Any:
        backend = self.sagemaker_backend
        name, config_name = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
        before = backend.describe_endpoint(name)
        backend.describe_endpoint_config(config_name)
        backend.create_endpoint(name, config_name, before.get("Tags"))
        backend.endpoints[name].last_modified_time = datetime.now(UTC)
        return ActionResult({"EndpointArn": before["EndpointArn"]})

    made, described = SageMakerResponse.create_endpoint_config, SageMakerResponse.describe_endpoint_config

    def create_endpoint_config(self: Any) -> Any:
        answer = made(self)
        name = self._get_param("EndpointConfigName")
        self.sagemaker_backend.endpoint_configs[name].shadows = self._get_param("ShadowProductionVariants")
        return answer

    def describe_endpoint_config(self: Any) -> Any:
        answer = described(self)
        config = self.sagemaker_backend.endpoint_configs[self._get_param("EndpointConfigName")]
        answer._result.pop("Shadows", None)
        if getattr(config, "shadows", None):
            answer._result["ShadowProductionVariants"] = config.shadows
        return answer

    patch.setattr(SageMakerResponse, "update_endpoint", update_endpoint, raising=False)
    patch.setattr(SageMakerResponse, "create_endpoint_config", create_endpoint_config)
    patch.setattr(SageMakerResponse, "describe_endpoint_config", describe_endpoint_config)


class SageMakerWorld:
    """A model with releases in a home of its own, and its endpoint."""

    def __init__(self, home: Any, url: str, plan: dict[str, Any] | None = None) -> None:
        self.model = ServedModel(home, release=plan or a_plan())
        self.settings = self.model.settings.model_copy(update={"s3_endpoint_url": url})
        self.sagemaker, self.cloudwatch, self.s3 = (client(name, url) for name in ("sagemaker", "cloudwatch", "s3"))
        self.calls: list[str] = []
        self.sagemaker.meta.events.register("before-call.sagemaker.*", lambda model, **_: self.calls.append(model.name))
        self.clock = lambda: datetime.now(UTC)
        self.check: Any = lambda package: ""

    @property
    def definition(self) -> Any:
        """The definition as it stands in its file."""
        return load_definition(self.settings.definitions_dir / MODEL)

    @property
    def made(self) -> list[str]:
        """What was asked of SageMaker besides looking."""
        return [name for name in self.calls if not name.startswith(("Describe", "List"))]

    def release(self, **inputs: Any) -> Any:
        """Release a version and publish what goes with it."""
        version = self.model.release("logistic_regression")
        self.model.publish(version, **inputs)
        return version

    def bringing(self, own_version: str | None = None, *, sagemaker: Any = None) -> Bringing:
        """Return an attempt to bring the endpoint to the champion."""
        definition = self.definition
        access = EndpointAccess(MODEL, definition.release.sagemaker, sagemaker or self.sagemaker, self.cloudwatch)
        registry = ReleaseRegistry(self.settings, mirror=Nowhere())
        return Bringing(definition, self.settings, access, own_version, self.check, registry, self.clock)

    def bring(self, own_version: str | None = None, *, most: int = 30) -> Brought:
        """Go on until the endpoint is there."""
        asked = taken_back = ""
        for _ in range(most):
            found = self.bringing(own_version).go_on(asked, taken_back)
            if isinstance(found, Brought):
                return found
            asked, taken_back = found.asked, found.taken_back
        raise AssertionError(f"not there after {most} turns: {self.made}")

    def turn(self, own_version: str | None = None, asked: str = "") -> Pause:
        """Go on once, which takes its time."""
        found = self.bringing(own_version).go_on(asked)
        assert isinstance(found, Pause), found
        return found

    def variants(self) -> dict[str, tuple[str, float]]:
        """Per variant of the endpoint its model and the weight it has now."""
        found = self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
        weights = {one["VariantName"]: one.get("CurrentWeight", 0.0) for one in found["ProductionVariants"]}
        return {one["VariantName"]: (one["ModelName"], weights[one["VariantName"]]) for one in config["ProductionVariants"]}

    def invoked(self, requests: int, failures: int = 0, variant: str = "challenger") -> None:
        """Have CloudWatch say how often a variant was asked."""
        count(self.cloudwatch, requests, failures, variant)
