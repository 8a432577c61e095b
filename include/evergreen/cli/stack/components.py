"""What the stack consists of, in the order in which it starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.cli.stack.layout import HOST

if TYPE_CHECKING:
    from evergreen.cli.stack.layout import StackLayout
    from evergreen.settings import Settings

DATABASE = "airflow-database"


@dataclass(frozen=True)
class Component:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    after: str | None = None
    """Name of the one-off component that must have succeeded first."""
    one_off: bool = False
    """Runs once and must succeed, as a migration does; the others must never end."""


def stack_components(layout: StackLayout, settings: Settings) -> tuple[Component, ...]:
    """Return the components: MLflow, the gateway, the migration of Airflow's database, and Airflow's four.

    The log servers of scheduler and triggerer stay off: they listen on every interface, and on one machine the API server
    reads the same files itself.
    """
    airflow = (sys.executable, "-m", "airflow")
    return (
        *_mlflow(layout, settings),
        Component("gateway", (sys.executable, "-m", "evergreen.serving", HOST, str(layout.gateway_port))),
        Component(DATABASE, (*airflow, "db", "migrate"), one_off=True),
        Component("api-server", (*airflow, "api-server"), after=DATABASE),
        Component("scheduler", (*airflow, "scheduler", "--skip-serve-logs"), after=DATABASE),
        Component("dag-processor", (*airflow, "dag-processor"), after=DATABASE),
        Component("triggerer", (*airflow, "triggerer", "--skip-serve-logs"), after=DATABASE),
    )


def runs_mlflow(settings: Settings) -> bool:
    """Return whether the stack brings its own MLflow server: not when runs are tracked by one elsewhere."""
    return not settings.mlflow_tracking_uri.startswith(("http://", "https://"))


def _mlflow(layout: StackLayout, settings: Settings) -> tuple[Component, ...]:
    if not runs_mlflow(settings):
        return ()
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(layout.mlflow_port), "--workers", "1"),
        *("--backend-store-uri", settings.mlflow_tracking_uri),
        # Runs log to the database directly and store artifacts by path. A proxying server would give new experiments
        # addresses that only it can resolve.
        *("--no-serve-artifacts", "--default-artifact-root", f"{settings.artifacts_uri}/mlflow"),
    )
    return (Component("mlflow", command),)
