"""Whether the servers answer, and whether what they say is from this start of the stack."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from evergreen.cli.stack.record import StackRecord

AIRFLOW_PARTS = {
    "metadatabase": None,
    "scheduler": "latest_scheduler_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
}
_TIMEOUT_SECONDS = 10.0


def loopback_session() -> requests.Session:
    """Return a session that ignores proxies and `.netrc`, which are not meant for loopback."""
    session = requests.Session()
    session.trust_env = False
    return session


def airflow_problems(url: str, since: float, session: requests.Session) -> dict[str, str]:
    """Return what is not healthy yet, by part; empty when Airflow is ready.

    A heartbeat from before `since` (seconds since the epoch) belongs to an earlier start and does not count.
    """
    value = _get_json(f"{url}/api/v2/monitor/health", session)
    if value is None:
        return {"api_server": "does not answer yet"}
    problems = {}
    for part, heartbeat in AIRFLOW_PARTS.items():
        status = value.get(part) or {}
        if status.get("status") != "healthy":
            problems[part] = str(status.get("status"))
        elif heartbeat and not _is_after(status.get(heartbeat), since):
            problems[part] = "no heartbeat yet"
    return problems


def mlflow_answers(url: str, session: requests.Session) -> bool:
    """Return whether MLflow's server is ready."""
    return _answers(f"{url}/health", session)


def gateway_answers(url: str, session: requests.Session) -> bool:
    """Return whether the gateway is up; without a release it has nothing to say yet, and that is no fault of the stack's."""
    return _answers(f"{url}/health", session)


def warm_up_airflow(url: str, session: requests.Session) -> None:
    """Make the API server build the routes its tasks use: its first such call takes seconds, near a task's time limit."""
    _answers(f"{url}/execution/health", session)


def stack_problems(record: StackRecord, session: requests.Session, *, with_mlflow: bool) -> dict[str, str]:
    """Return what is not healthy, by name; empty when everything is."""
    problems = airflow_problems(record.airflow_url, record.started, session)
    if with_mlflow and not mlflow_answers(record.mlflow_url, session):
        problems["mlflow"] = "does not answer yet"
    if record.gateway_url and not gateway_answers(record.gateway_url, session):
        problems["gateway"] = "does not answer yet"
    return problems


def _is_after(moment: str | None, since: float) -> bool:
    return moment is not None and datetime.fromisoformat(moment).timestamp() >= since - 1.0


def _get_json(url: str, session: requests.Session) -> dict[str, Any] | None:
    try:
        answer = session.get(url, timeout=_TIMEOUT_SECONDS)
        return dict(answer.json()) if answer.ok else None
    except (requests.RequestException, ValueError):
        return None


def _answers(url: str, session: requests.Session) -> bool:
    try:
        return bool(session.get(url, timeout=_TIMEOUT_SECONDS).ok)
    except requests.RequestException:
        return False
