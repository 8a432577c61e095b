"""MLflow's aliases `champion`, `previous` and `challenger`: a mirror for people, never read to decide anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evergreen.registry.mlflow_client import mlflow_answering, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
DIGEST_TAG = "evergreen.bundle_digest"
DECISION_TAG = "evergreen.decision_id"


class AliasMirror(Protocol):
    """Where the champion is shown."""

    def holds(self, version: ChampionVersion) -> bool:
        """Return whether the registry has this version, with the same bytes."""

    def show(self, model: str, champion: str, previous: str | None) -> None:
        """Point the aliases to these versions; one that is right already is left alone."""


class MlflowAliases:
    """The aliases of one MLflow registry."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def holds(self, version: ChampionVersion) -> bool:
        """Return whether MLflow has this version, tagged with the same bundle digest.

        Raises:
            StoreUnavailableError: MLflow did not answer.
        """
        client = open_client(self._settings)
        from mlflow.exceptions import MlflowException

        try:
            with mlflow_answering(self._settings):
                found = client.get_model_version(version.model, version.version)
        except MlflowException:
            return False
        return bool(found.tags.get(DIGEST_TAG) == version.bundle_digest)

    def read(self, model: str) -> dict[str, str]:
        """Return the versions by alias as MLflow has them; empty when it does not know the model.

        Raises:
            StoreUnavailableError: MLflow did not answer.
        """
        return self._read(open_client(self._settings), model)

    def show(self, model: str, champion: str, previous: str | None) -> None:
        """Point `champion` and `previous` to these versions, and take `challenger` off a version that became champion.

        Raises:
            StoreUnavailableError: MLflow did not answer.
            mlflow.exceptions.MlflowException: MLflow has no such version.
        """
        client = open_client(self._settings)
        present = self._read(client, model)
        with mlflow_answering(self._settings):
            for alias, version in ((CHAMPION, champion), (PREVIOUS, previous)):
                if version is None and alias in present:
                    client.delete_registered_model_alias(model, alias)
                elif version is not None and present.get(alias) != version:
                    client.set_registered_model_alias(model, alias, version)
            if present.get(CHALLENGER) == champion:
                client.delete_registered_model_alias(model, CHALLENGER)

    def _read(self, client: MlflowClient, model: str) -> dict[str, str]:
        from mlflow.exceptions import MlflowException

        try:
            with mlflow_answering(self._settings):
                found = client.get_registered_model(model)
        except MlflowException:
            return {}
        return {alias: str(version) for alias, version in found.aliases.items()}
