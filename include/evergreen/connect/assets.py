"""The assets of one model: what its DAGs read and write, as the asset graph shows them."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.sdk import Asset


@dataclass(frozen=True)
class ModelAssets:
    """Assets of one model, in the order in which data flows."""

    landing: Asset
    features: Asset
    champion: Asset
    predictions: Asset
    decisions: Asset
    online: Asset

    @classmethod
    def of(cls, model: str) -> ModelAssets:
        """Return the assets of a model; equal names are the same asset everywhere."""
        return cls(*(Asset(name=f"{model}.{kind}", uri=f"evergreen://{model}/{kind}", group=model) for kind in _KINDS))


_KINDS = ("landing", "features", "champion", "predictions", "decisions", "online")
