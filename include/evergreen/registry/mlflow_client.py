"""MLflow's client: quiet, with addresses from the settings, and no answer turned into an error that says so."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from evergreen.errors import StoreUnavailableError
from evergreen.settings import shown_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

    from evergreen.settings import Settings

_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    # The task's own retries wait more wisely than a client that hangs for minutes on a dead server.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def quieten_mlflow(settings: Settings) -> None:
    """Switch off MLflow's telemetry, progress bars and chatter, before it is imported; what the environment says stays."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if settings.s3_endpoint_url:
        os.environ.setdefault("MLFLOW_S3_ENDPOINT_URL", settings.s3_endpoint_url)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def open_client(settings: Settings) -> MlflowClient:
    """Return a client of the tracking server and the registry; it touches no global state of MLflow's.

    Raises:
        StoreUnavailableError: MLflow did not answer.
    """
    quieten_mlflow(settings)
    from mlflow import MlflowClient

    with mlflow_answering(settings):
        _make_whole(settings.mlflow_tracking_uri)
        return MlflowClient(tracking_uri=settings.mlflow_tracking_uri, registry_uri=settings.mlflow_tracking_uri)


def _make_whole(uri: str) -> None:
    """Make a missing SQLite database beside its place and put it there when it is whole.

    MLflow makes its tables step by step, which SQLite cannot take back: one that was killed half-way would never open again.
    """
    from sqlalchemy.engine import make_url

    url = make_url(uri) if uri.startswith("sqlite") else None
    if url is None or not url.database or Path(url.database).exists():
        return
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".mlflow-") as folder:
        made = Path(folder) / path.name
        engine = create_sqlalchemy_engine(f"sqlite:///{made}")
        _initialize_tables(engine)
        engine.dispose()
        with suppress(FileExistsError):  # somebody else was first
            os.link(made, path)


def is_server(settings: Settings) -> bool:
    """Return whether MLflow is asked through a server, which then keeps the artifacts too."""
    return settings.mlflow_tracking_uri.startswith(("http://", "https://"))


@contextmanager
def mlflow_answering(settings: Settings) -> Iterator[None]:
    """Turn no answer into a retryable error; what MLflow says about the request itself passes as it is.

    Raises:
        StoreUnavailableError: MLflow did not answer, or answered that it cannot now.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (RequestException, OperationalError) as error:
        raise _no_answer(settings, error) from error
    except MlflowException as error:
        if error.error_code in _REFUSALS:
            raise
        raise _no_answer(settings, error) from error


_REFUSALS = {"RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "BAD_REQUEST"}


def _no_answer(settings: Settings, error: Exception) -> StoreUnavailableError:
    address = shown_address(settings.mlflow_tracking_uri)
    return StoreUnavailableError(
        "MLflow did not answer",
        found=f"{address}: {str(error).strip().splitlines()[0][:300]}",
        allowed="an MLflow server or database that answers",
        remedy="check EVERGREEN_MLFLOW_TRACKING_URI and that the server runs (evergreen status, evergreen up), then run again",
    )
