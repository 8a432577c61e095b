"""How a release's features are built, out of its bundle, whatever stands in its folder today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.predictors.bundle import read_bundle
from evergreen.predictors.manifest import FEATURES_NAME

if TYPE_CHECKING:
    from evergreen.definitions.feature_layout import FeatureLayout
    from evergreen.files import Files
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.results import ChampionVersion


@dataclass(frozen=True)
class ReleasedFeatures:
    """How a release's features are built."""

    source: str
    """Text of features.py."""
    manifest: BundleManifest
    """What the bundle says about itself."""

    @property
    def layout(self) -> FeatureLayout:
        """What of model.yaml decides about features."""
        return self.manifest.feature_layout

    @property
    def kinds(self) -> dict[str, str]:
        """The features in the manifest's order: `double` or `string`."""
        return feature_kinds(self.manifest)


def feature_kinds(manifest: BundleManifest) -> dict[str, str]:
    """Return a bundle's features in order, numeric ones `double` and categorical ones `string`."""
    return {**dict.fromkeys(manifest.numeric, "double"), **dict.fromkeys(manifest.categorical, "string")}


def read_released(files: Files, version: ChampionVersion) -> ReleasedFeatures:
    """Return how a version's features were built when it was trained; every byte is checked against its digest.

    Whether the digest is one that was decided on is for the registry to say (`ReleaseRegistry.vouch`): ask it first.

    Raises:
        DigestMismatchError: The bundle, features.py among it, is not the one of the digest.
        RegistryError: The bundle is of a format that does not say.
    """
    manifest, contents = read_bundle(files, version.bundle_uri, version.bundle_digest)
    return ReleasedFeatures(contents[FEATURES_NAME].decode(), manifest)
