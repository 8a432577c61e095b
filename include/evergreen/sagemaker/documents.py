"""The documents that are sent to SageMaker, as its API reference describes them; a document's name hangs on its content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evergreen.digests import digest_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.sagemaker import SageMaker
    from evergreen.sagemaker.packing import Package

Document = dict[str, Any]
"""A request or an answer: plain JSON."""

CHAMPION, CHALLENGER = "champion", "challenger"
"""Names of variants. A guarded update needs the name to stay what it was, so they say the role and not the version."""
MODEL_NAME, BUNDLE_DIGEST, PACKAGE_DIGEST = "EVERGREEN_MODEL", "EVERGREEN_BUNDLE_DIGEST", "EVERGREEN_PACKAGE_DIGEST"
"""What a container is told of itself; the last is checked against its files."""
_NAME_CHARACTERS, _DIGEST_CHARACTERS = 63, 16


def name_of(what: str, content: object) -> str:
    """Return a name of at most 63 letters, digits and hyphens: readable in front, the content's digest behind."""
    digest = digest_json(content)[:_DIGEST_CHARACTERS]
    slug = re.sub(r"[^a-zA-Z0-9]+", "-", what)[: _NAME_CHARACTERS - _DIGEST_CHARACTERS - 1].strip("-")
    return f"{slug}-{digest}"


def model_request(section: SageMaker, package: Package) -> Document:
    """Return CreateModel for a package."""
    container = container_of(section, package)
    return {
        "ModelName": name_of(package.version.model, {"container": container, "role": section.role_arn}),
        "PrimaryContainer": container,
        "ExecutionRoleArn": section.role_arn,
        # It answers from what was packed; whatever feature code might try, it reaches nobody.
        "EnableNetworkIsolation": True,
        "Tags": _tags(package),
    }


def container_of(section: SageMaker, package: Package) -> Document:
    """Return the container that answers with a package."""
    environment = {
        MODEL_NAME: package.version.model,
        BUNDLE_DIGEST: package.version.bundle_digest,
        PACKAGE_DIGEST: package.digest,
    }
    return {"Image": section.image, "ModelDataUrl": package.uri, "Environment": environment}


def variant(name: str, model_name: str, *, instance_type: str, instances: int, weight: float) -> Document:
    """Return one variant of an endpoint configuration."""
    return {
        "VariantName": name,
        "ModelName": model_name,
        "InstanceType": instance_type,
        "InitialInstanceCount": instances,
        # SageMaker keeps four bytes of it: what comes back must have the same name.
        "InitialVariantWeight": round(float(weight), 4),
    }


def config_request(endpoint: str, production: Sequence[Document], shadow: Sequence[Document] = ()) -> Document:
    """Return CreateEndpointConfig for variants."""
    content: Document = {"ProductionVariants": list(production)}
    if shadow:
        content["ShadowProductionVariants"] = list(shadow)
    return {"EndpointConfigName": name_of(endpoint, content), **content}


def create_request(section: SageMaker, config_name: str, model: str) -> Document:
    """Return CreateEndpoint."""
    tags = [{"Key": "evergreen-model", "Value": model}]
    return {"EndpointName": section.endpoint, "EndpointConfigName": config_name, "Tags": tags}


def update_request(section: SageMaker, config_name: str, *, is_guarded: bool) -> Document:
    """Return UpdateEndpoint.

    Args:
        section: The endpoint.
        config_name: The configuration to switch to.
        is_guarded: Have SageMaker watch the alarms while the machines before stand by, and go back if one goes off. It wants
            the variants to be named as before.
    """
    request: Document = {"EndpointName": section.endpoint, "EndpointConfigName": config_name}
    if not is_guarded:
        return request
    bake_seconds = int(section.bake.total_seconds()) if section.alarms else 0
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": bake_seconds},
        "MaximumExecutionTimeoutInSeconds": int(section.give_up_after.total_seconds()),
    }
    request["DeploymentConfig"] = {"BlueGreenUpdatePolicy": policy}
    if section.alarms:
        alarms = [{"AlarmName": name} for name in section.alarms]
        request["DeploymentConfig"]["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return request


def weights_request(endpoint: str, weights: Mapping[str, float]) -> Document:
    """Return UpdateEndpointWeightsAndCapacities for variants' weights."""
    wanted = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
    return {"EndpointName": endpoint, "DesiredWeightsAndCapacities": wanted}


def group_request(group: str, model: str) -> Document:
    """Return CreateModelPackageGroup."""
    return {"ModelPackageGroupName": group, "ModelPackageGroupDescription": f"Releases of {model}, by Evergreen"}


def package_description(package: Package) -> str:
    """Return by what a model package is found again; versions of a group have no names of their own."""
    return f"Evergreen package {package.digest}"


def package_request(group: str, section: SageMaker, package: Package) -> Document:
    """Return CreateModelPackage for a package. It is approved: the gate has decided, and its decision stands in the package."""
    version = package.version
    said = {
        "model": version.model,
        "version": version.version,
        "bundle_digest": version.bundle_digest,
        "decision_id": version.decision_id,
        "mlflow_run_id": version.mlflow_run_id,
    }
    return {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": package_description(package),
        "ModelApprovalStatus": "Approved",
        "ClientToken": digest_json([group, package.digest]),
        "InferenceSpecification": {
            "Containers": [container_of(section, package)],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": [section.instance_type],
            "SupportedTransformInstanceTypes": [section.instance_type],
        },
        "CustomerMetadataProperties": {name: value for name, value in said.items() if value},
    }


def _tags(package: Package) -> list[Document]:
    version = package.version
    return [{"Key": "evergreen-model", "Value": version.model}, {"Key": "evergreen-version", "Value": version.version}]
