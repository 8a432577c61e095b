"""A release out of a package: what a gateway serves where it reaches nothing but a folder, as on SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions.serving import AnswerLog, Personal
from evergreen.errors import UndecidedError
from evergreen.model_package import BUNDLE, DEFINITIONS, ONLINE, read_package
from evergreen.registry.online_versions import OnlineInputsVersion
from evergreen.serving.definition_files import DefinitionFiles

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import ChampionVersion


class PackagedRelease:
    """The one release of a package, as a registry would tell of it. Nothing about it ever changes.

    Its decision was asked for when it was packed; what came since is known only to whoever brings packages here.

    Args:
        folder: The unpacked package.
        expected_digest: Its digest, from elsewhere than the folder; empty where nobody said one.

    Raises:
        DigestMismatchError: It is not the package of that digest.
    """

    def __init__(self, folder: Path, expected_digest: str = "") -> None:
        note, self.digest = read_package(folder, expected_digest)
        self._version = note.version.model_copy(update={"bundle_uri": str(folder / BUNDLE)})
        self._online = OnlineInputsVersion(
            model=note.version.model,
            features_key=note.features_key,
            as_of=note.online_as_of,
            uri=str(folder / ONLINE),
            digest=note.online_digest,
            published_at=note.online_published_at,
            revision=note.online_revision,
        )

    def champions(self) -> list[ChampionVersion]:
        """Return the version."""
        return [self._version]

    def publications(self) -> dict[tuple[str, str], OnlineInputsVersion]:
        """Return its online inputs."""
        return {(self._online.model, self._online.features_key): self._online}

    def rollouts(self) -> list[RolloutEvent]:
        """Return nothing: whoever deals out requests stands before this gateway."""
        return []

    def registered(self, model: str, version: str) -> ChampionVersion:
        """Return the version, which is the only one.

        Raises:
            UndecidedError: Another one is meant.
        """
        if (model, version) == (self._version.model, self._version.version):
            return self._version
        raise UndecidedError(
            "a package holds one version",
            found=f"version {version} of {model}",
            allowed=f"version {self._version.version} of {self._version.model}",
            remedy="ask a gateway that reads the registry",
        )

    def vouch(self, champion: ChampionVersion) -> None:
        """Make sure that it is the package's own version; the decision was asked for when it was packed."""
        self.registered(champion.model, champion.version)


class PackagedDefinitions(DefinitionFiles):
    """The definition in a package, for a gateway whose answers nobody can collect: it keeps none."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / DEFINITIONS)

    def load(self, model: str) -> ModelDefinition:
        """Read the definition; answers are dropped, so there is nothing personal to hide in them."""
        definition = super().load(model)
        changes = {"log": AnswerLog(when_full="drop"), "personal": Personal()}
        return definition.model_copy(update={"serving": definition.serving.model_copy(update=changes)})
