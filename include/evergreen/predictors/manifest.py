"""What a bundle says about itself: `manifest.json`, whose digest is the bundle's name.

It holds no path, no time of writing and no host name: the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from evergreen.definitions.data import Label
from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.definitions.training import CandidateName
from evergreen.digests import digest_bytes
from evergreen.predictors.calibration import Calibration
from evergreen.predictors.encoder import Encoder
from evergreen.predictors.plain_data import PlainData
from evergreen.results import Result

FileName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.(ubj|onnx|json|py)$")]
"""A plain name: no folder, nothing hidden."""

FORMAT: Literal[2] = 2
"""Of a bundle; 1 did not say how its features are to be built, nor what they looked like."""
MANIFEST_NAME = "manifest.json"
FEATURES_NAME = "features.py"
PROFILE_NAME = "profile.json"
"""The `ReferenceProfile` of the rows that the model learned from."""
COMPANIONS = (FEATURES_NAME, PROFILE_NAME)
"""Files of every bundle, whatever the algorithm."""
MODEL_FILES: dict[str, tuple[str, ...]] = {
    "baseline": ("model.json",),
    "logistic_regression": ("model.json",),
    "xgboost": ("model.onnx", "model.ubj"),
}
"""Per algorithm the files that hold the model."""


class BundleFile(Result):
    """One file of a bundle."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: int = Field(ge=0)

    @classmethod
    def of(cls, data: bytes) -> BundleFile:
        """Describe bytes."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


class BundleManifest(PlainData):
    """Everything about a trained model but its bytes."""

    format: Literal[2] = FORMAT
    model: str
    """Name of the model definition."""
    algorithm: CandidateName
    numeric: tuple[str, ...]
    """Numeric features that a frame to score must have; other columns are ignored."""
    categorical: tuple[str, ...]
    """Categorical features that a frame to score must have."""
    encoder: Encoder
    intercept: float = 0.0
    """Log-odds to add to what model.ubj or model.onnx answers; part of model.json elsewhere, and 0 here."""
    calibration: Calibration
    threshold: float = Field(gt=0, le=1)
    """Probability from which the answer is yes."""
    label: Label
    hyper_parameters: dict[str, int | float | str]
    seed: int
    trained_from: AwareDatetime
    trained_through: AwareDatetime
    """Event time of the newest row the model has seen in any way."""
    training_rows: int = Field(ge=0)
    positive_share: float = Field(ge=0, le=1)
    training_digest: str
    """Digest of the very rows and labels it learned from."""
    features_digest: str
    """Digest of the feature set they come from."""
    features_source_digest: str
    """Digest of features.py, which lies beside the manifest."""
    feature_layout: FeatureLayout
    """What of model.yaml decides about its features, as it was when they were built."""
    lock_digest: str
    """Digest of the locked requirements."""
    files: dict[FileName, BundleFile]

    @property
    def digest(self) -> str:
        """The bundle's digest: that of its manifest, which names every file's."""
        return digest_bytes(self.to_bytes())

    @property
    def model_bytes(self) -> int:
        """Size of the model's files, in bytes."""
        return sum(self.files[name].size_bytes for name in MODEL_FILES[self.algorithm])
