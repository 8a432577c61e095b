"""An endpoint as SageMaker describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.sagemaker.documents import CHALLENGER, CHAMPION, Document, config_request, variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

AT_WORK = ("Creating", "Updating", "SystemUpdating", "RollingBack")
"""States of an endpoint in which SageMaker changes it, and nobody else can."""
ANSWERING = "InService"


@dataclass(frozen=True)
class Variant:
    """One variant, as it was asked for, and the weight that it has now."""

    document: Document
    weight: float

    @property
    def name(self) -> str:
        """Its role."""
        return str(self.document["VariantName"])

    @property
    def model_name(self) -> str:
        """The model that it answers with."""
        return str(self.document["ModelName"])


@dataclass(frozen=True)
class Endpoint:
    """An endpoint."""

    name: str
    status: str
    config_name: str
    failure_reason: str
    changed_at: datetime
    production: tuple[Variant, ...]
    shadow: tuple[Variant, ...]

    @property
    def champion(self) -> Variant | None:
        """The variant that answers; None where no variant is called so."""
        return _named(CHAMPION, self.production)

    @property
    def challenger(self) -> Variant | None:
        """The variant that is tried out, seen by callers or not; None where none is."""
        return _named(CHALLENGER, (*self.production, *self.shadow))

    @property
    def is_ours(self) -> bool:
        """Whether its configuration has the name that Evergreen would give it."""
        production, shadow = [one.document for one in self.production], [one.document for one in self.shadow]
        return bool(self.config_name == config_request(self.name, production, shadow)["EndpointConfigName"])


def read_endpoint(endpoint: Document, config: Document) -> Endpoint:
    """Read what DescribeEndpoint and DescribeEndpointConfig say."""
    weights = {}
    for one in (*endpoint.get("ProductionVariants", ()), *endpoint.get("ShadowProductionVariants", ())):
        weights[one["VariantName"]] = one.get("CurrentWeight", one.get("DesiredWeight"))
    return Endpoint(
        name=endpoint["EndpointName"],
        status=endpoint["EndpointStatus"],
        config_name=endpoint["EndpointConfigName"],
        failure_reason=endpoint.get("FailureReason", ""),
        changed_at=endpoint["LastModifiedTime"],
        production=_variants(config.get("ProductionVariants", ()), weights),
        shadow=_variants(config.get("ShadowProductionVariants", ()), weights),
    )


def _variants(documents: Sequence[Document], weights: dict[str, float | None]) -> tuple[Variant, ...]:
    return tuple(Variant(_as_asked(one), _weight(weights.get(one["VariantName"]), one)) for one in documents)


def _as_asked(found: Document) -> Document:
    """Return of a described variant what Evergreen asks for; SageMaker adds what it takes by default."""
    return variant(
        found["VariantName"],
        found.get("ModelName", ""),
        instance_type=found.get("InstanceType", ""),
        instances=found.get("InitialInstanceCount", 0),
        weight=float(found.get("InitialVariantWeight", 1.0)),
    )


def _weight(now: float | None, document: Document) -> float:
    return float(document.get("InitialVariantWeight", 1.0)) if now is None else float(now)


def _named(name: str, variants: Sequence[Variant]) -> Variant | None:
    return next((one for one in variants if one.name == name), None)
