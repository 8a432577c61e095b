"""MLflow's aliases without MLflow: importing it takes seconds, and a page wants them in milliseconds.

A server is asked by its REST interface, a database by one query that changes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.status.answers import AliasState

if TYPE_CHECKING:
    from evergreen.registry.timeline import ReleaseEvent
    from evergreen.settings import Settings

TIMEOUT_SECONDS = 2.0


def alias_state(settings: Settings, model: str, latest: ReleaseEvent | None) -> AliasState:
    """Compare MLflow's `champion` and `previous` with the newest release.

    Args:
        settings: Where MLflow is.
        model: Name of the model.
        latest: The newest move of the champion, None before the first.
    """
    expected: dict[str, str] = {}
    if latest is not None:
        expected["champion"] = latest.version
        if latest.previous_version is not None:
            expected["previous"] = latest.previous_version
    shown = read_aliases(settings, model)
    return AliasState(expected=expected, shown=shown, drift=() if shown is None else tuple(_drift(expected, shown)))


def read_aliases(settings: Settings, model: str) -> dict[str, str] | None:
    """Return versions by alias, empty for an unknown model, None when MLflow did not answer."""
    if settings.mlflow_tracking_uri.startswith(("http://", "https://")):
        return _ask_server(settings.mlflow_tracking_uri, model)
    return _ask_database(settings.mlflow_tracking_uri, model)


def _drift(expected: dict[str, str], shown: dict[str, str]) -> list[str]:
    return [
        f"MLflow shows {_named(shown.get(alias))} as {alias}, it is {_named(expected.get(alias))}: "
        "moved by hand, or left behind by a crash; the next release or rollback sets it right"
        for alias in ("champion", "previous")
        if expected.get(alias) != shown.get(alias)
    ]


def _named(version: str | None) -> str:
    return f"version {version}" if version else "nothing"


def _ask_server(address: str, model: str) -> dict[str, str] | None:
    import requests

    url = f"{address.rstrip('/')}/api/2.0/mlflow/registered-models/get"
    try:
        answer = requests.get(url, params={"name": model}, timeout=TIMEOUT_SECONDS, auth=_credentials())
        if answer.status_code == requests.codes.not_found:
            return {}
        answer.raise_for_status()
        aliases = answer.json()["registered_model"].get("aliases", [])
    except (requests.RequestException, ValueError, KeyError):
        return None
    return {str(entry["alias"]): str(entry["version"]) for entry in aliases}


def _credentials() -> tuple[str, str] | None:
    """Return what MLflow's own client would log in with; None where it would not."""
    name, password = (os.environ.get(f"MLFLOW_TRACKING_{part}") for part in ("USERNAME", "PASSWORD"))
    return (name, password) if name and password else None


def _ask_database(url: str, model: str) -> dict[str, str] | None:
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        return {}  # nobody has registered anything, and looking must not make the file
    engine = create_engine(address, poolclass=NullPool)
    query = text("SELECT alias, version FROM registered_model_aliases WHERE name = :name")
    try:
        with engine.connect() as connection:
            return {str(alias): str(version) for alias, version in connection.execute(query, {"name": model})}
    except SQLAlchemyError:
        return None
