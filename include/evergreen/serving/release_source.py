"""What should be live, asked of the registry: one cheap query each for champions and for published online inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evergreen.errors import StoreUnavailableError, UndecidedError
from evergreen.registry.database import Database
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore

if TYPE_CHECKING:
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings


class Releases(Protocol):
    """Whoever says what should be live."""

    def champions(self) -> list[ChampionVersion]:
        """Return every model's champion."""

    def publications(self) -> dict[tuple[str, str], OnlineInputsVersion]:
        """Return the newest online inputs by model and features key."""

    def rollouts(self) -> list[RolloutEvent]:
        """Return where the rollout of every model stands that has not ended."""

    def registered(self, model: str, version: str) -> ChampionVersion:
        """Return a version, champion or not."""

    def vouch(self, champion: ChampionVersion) -> None:
        """Make sure that a decision allows a champion."""


class ReleaseSource:
    """The registry as the gateway sees it; MLflow is not asked.

    Args:
        settings: Address of the database.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.database_url)
        self._registry = ReleaseRegistry(settings)
        self._rollouts = RolloutStore(settings.database_url)
        self._online = OnlineVersionStore(settings.database_url)

    def champions(self) -> list[ChampionVersion]:
        """Return every model's champion.

        Raises:
            StoreUnavailableError: The database did not answer, or is a file that is not there.
        """
        if not self._database.exists:  # looking must not make one
            raise StoreUnavailableError(
                "there is no database",
                found=f"no file at {self._database.address}",
                allowed="the database that releases are kept in",
                remedy="check EVERGREEN_HOME and EVERGREEN_DATABASE_URL; the first training makes the database",
            )
        return self._registry.champions()

    def publications(self) -> dict[tuple[str, str], OnlineInputsVersion]:
        """Return the newest online inputs by model and features key.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        return {(version.model, version.features_key): version for version in self._online.newest_all()}

    def rollouts(self) -> list[RolloutEvent]:
        """Return where the rollout of every model stands that has not ended.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        return self._rollouts.all_current()

    def registered(self, model: str, version: str) -> ChampionVersion:
        """Return a version, champion or not.

        Raises:
            UndecidedError: There is none.
            StoreUnavailableError: The database did not answer.
        """
        found = self._registry.version(model, version)
        if found is not None:
            return found
        raise UndecidedError(
            "a challenger is on trial that nobody registered",
            found=f"version {version} of {model}",
            allowed="a version written by the `register` stage",
            remedy=f"take it back: evergreen rollback {model} --reason …",
        )

    def vouch(self, champion: ChampionVersion) -> None:
        """Make sure that a decision allows a champion.

        Raises:
            UndecidedError: None does.
        """
        self._registry.vouch(champion)
