"""Which ports and files one stack uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_AIRFLOW_PORT = 8080
DEFAULT_MLFLOW_PORT = 8081
DEFAULT_GATEWAY_PORT = 8082
HOST = "127.0.0.1"
"""The stack is for one person on one machine: nothing listens on any other interface."""


@dataclass(frozen=True)
class StackLayout:
    """Ports and files of one stack. Two checkouts on one machine differ in both."""

    home: Path
    project_root: Path
    airflow_port: int = DEFAULT_AIRFLOW_PORT
    mlflow_port: int = DEFAULT_MLFLOW_PORT
    gateway_port: int = DEFAULT_GATEWAY_PORT

    @property
    def airflow_url(self) -> str:
        """Address of Airflow's pages and REST API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of MLflow's pages and API."""
        return f"http://{HOST}:{self.mlflow_port}"

    @property
    def gateway_url(self) -> str:
        """Address of the gateway, which answers requests."""
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder: its database and generated configuration."""
        return self.home / "airflow"

    @property
    def working_dir(self) -> Path:
        """Where every component stands; tells our processes from others."""
        return self.airflow_home

    @property
    def logs_dir(self) -> Path:
        """One log file per component, and `tasks/` for Airflow's task logs."""
        return self.home / "logs"

    @property
    def record_path(self) -> Path:
        """What runs, where and since when."""
        return self.home / "stack.json"

    @property
    def lock_path(self) -> Path:
        """Held by the supervisor for as long as it lives."""
        return self.home / "stack.lock"

    @property
    def secrets_path(self) -> Path:
        """Keys and the password of this stack, readable by its owner alone."""
        return self.home / "secrets.json"

    @property
    def passwords_path(self) -> Path:
        """Airflow's password file."""
        return self.airflow_home / "passwords.json"
