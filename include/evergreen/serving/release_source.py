"""What should be live, asked of the registry: one cheap query each for champions and for published online inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import StoreUnavailableError
from evergreen.registry.database import Database
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry

if TYPE_CHECKING:
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings


class ReleaseSource:
    """The registry as the gateway sees it; MLflow is not asked.

    Args:
        settings: Address of the database.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.database_url)
        self._registry = ReleaseRegistry(settings)
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

    def vouch(self, champion: ChampionVersion) -> None:
        """Make sure that a decision allows a champion.

        Raises:
            UndecidedError: None does.
        """
        self._registry.vouch(champion)
