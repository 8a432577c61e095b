"""The environment every component of the stack runs in. Each value that is not a default has its reason beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.cli.stack.layout import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.cli.stack.layout import StackLayout
    from evergreen.cli.stack.secrets import StackSecrets
    from evergreen.settings import Settings

CORES = os.cpu_count() or 1
PARALLEL_TASKS = 4 if CORES <= 4 else 8
"""Workers that LocalExecutor forks at its start, about 44 MB each. On SQLite more than 8 bring "database is locked"."""


def stack_environment(
    layout: StackLayout, settings: Settings, secrets: StackSecrets, outside: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of the components.

    An `AIRFLOW__…` variable set outside wins over a tuned value, but not over what makes the stack one stack: its home,
    addresses and keys.
    """
    kept = {name: value for name, value in outside.items() if name not in _UNWANTED and not name.startswith("EVERGREEN_")}
    return {
        **_quiet(),
        **_tuned(layout),
        **kept,
        **_own(layout, secrets),
        **_addresses(layout, settings),
        **_local(outside),
    }


_UNWANTED = {
    "PYTHONDONTWRITEBYTECODE",  # every process would compile every module again
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
}


def _quiet() -> dict[str, str]:
    return {
        "PYTHONWARNINGS": "ignore",  # each Airflow process repeats a warning of its test client
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        # Two OpenMP threads that spin on two busy cores are ten times slower than one.
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
    }


_TALKATIVE = ("http.access", "airflow.dag_processing.manager", "airflow.dag_processing.processor", "airflow.jobs")


def _tuned(layout: StackLayout) -> dict[str, str]:
    root, logs = layout.project_root, layout.logs_dir
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "evergreen.connect.warm_executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLEL_TASKS),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",  # how soon a new DAG file is seen; the default is 300 s
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",  # the default of 1 s is paid at every step of a DAG
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",  # after a killed scheduler work goes on, not in 5 minutes
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # a task that has ended may hold its slot for this long
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "20",  # a cold API server takes up to 5 s for its first answer
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",  # the tasks' own logs; what repeats every few seconds is kept out
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(f"{name}=WARNING" for name in _TALKATIVE),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
    }


def _own(layout: StackLayout, secrets: StackSecrets) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(layout.airflow_home),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(layout.airflow_port),
        "AIRFLOW__API__BASE_URL": layout.airflow_url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{layout.airflow_url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords_path),
        # Seven job consumers and 1.3 GB for a queue that nothing here uses.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _addresses(layout: StackLayout, settings: Settings) -> dict[str, str]:
    # The components stand elsewhere than the caller did, so every address is handed on resolved.
    values = {f"EVERGREEN_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()}
    return {**values, "EVERGREEN_MLFLOW_UI_URL": settings.mlflow_ui_url or layout.mlflow_url}


def _local(outside: Mapping[str, str]) -> dict[str, str]:
    """Find this environment's programs first, and never send a loopback request through a proxy."""
    without = ",".join(part for part in (outside.get("no_proxy") or outside.get("NO_PROXY"), HOST, "localhost") if part)
    path = os.pathsep.join([str(Path(sys.executable).parent), outside.get("PATH", os.defpath)])
    return {"PATH": path, "no_proxy": without, "NO_PROXY": without}
