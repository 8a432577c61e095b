"""Airflow's REST API, as far as the command line needs it; every call survives a server that is busy for a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from evergreen.cli.stack.health import loopback_session
from evergreen.errors import RequestError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

WAITS_SECONDS = (0.3, 0.6, 1.2, 2.4, 4.8, 9.6)
"""Pauses between tries. SQLite answers concurrent writes with 500 after five seconds: such a call is just made again."""
_TIMEOUT_SECONDS = 30.0
_CONFLICT, _UNAUTHORISED, _NOT_FOUND = 409, 401, 404


@dataclass(frozen=True)
class TaskState:
    """One task instance as the API tells it."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    seconds: float | None
    label: str | None = None
    """What a mapped task is about, such as the candidate it trains."""

    @property
    def name(self) -> str:
        """Its name for people: `gate`, `train[xgboost]`."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.label or self.map_index}]"


class AirflowApi:
    """A logged-in client.

    Args:
        url: Address of the API server.
        user: Login name.
        password: Its password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._session = loopback_session()

    def wait_for_dag(self, dag_id: str, limit_seconds: float = 60.0) -> None:
        """Wait until the DAG processor has read a DAG.

        Raises:
            RequestError: It is not there after the limit; says the import errors.
        """
        deadline = time.monotonic() + limit_seconds
        while self._call("GET", f"/dags/{dag_id}").status_code == _NOT_FOUND:
            if time.monotonic() >= deadline:
                raise RequestError(
                    f"Airflow does not know the DAG {dag_id}",
                    found="; ".join(self._import_errors()) or "no import error",
                    allowed=f"a DAG for every model definition, within {limit_seconds:.0f} s",
                    remedy="run `evergreen check`; logs/dag_processor in EVERGREEN_HOME tells what each file did",
                )
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs start."""
        self._json("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool unless it is there; its size stays as somebody may have set it."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        if self._call("GET", f"/pools/{name}").status_code == _NOT_FOUND:
            self._json("POST", "/pools", body, allow=(_CONFLICT,))

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> bool:
        """Start a run; return False when there is a run of that id already."""
        body = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf)}
        return self._json("POST", f"/dags/{dag_id}/dagRuns", body, allow=(_CONFLICT,)) is not None

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return a run's state: queued, running, success or failed."""
        return str((self._json("GET", f"/dags/{dag_id}/dagRuns/{run_id}") or {})["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return a run's task instances, those that started first in front."""
        answer = self._json("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=500") or {}
        rows = sorted(answer["task_instances"], key=lambda row: (row["start_date"] or "9", row["task_id"], row["map_index"]))
        return [
            TaskState(
                task_id=row["task_id"],
                map_index=row["map_index"],
                state=row["state"],
                try_number=row["try_number"],
                seconds=row["duration"],
                label=row.get("rendered_map_index"),
            )
            for row in rows
        ]

    def returned(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task instance returned; None when nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        answer = self._json("GET", f"{path}?deserialize=true&map_index={map_index}", allow=(_NOT_FOUND,))
        return None if answer is None else answer["value"]

    def errors_in_log(self, dag_id: str, run_id: str, task: TaskState) -> list[str]:
        """Return the errors that a task instance's log tells of, oldest first."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        answer = self._json("GET", f"{path}?map_index={task.map_index}&full_content=true", allow=(_NOT_FOUND,)) or {}
        details = [line.get("error_detail") or [] for line in answer.get("content", []) if isinstance(line, dict)]
        return [f"{part['exc_type']}: {part['exc_value']}" for detail in details for part in detail]

    def _import_errors(self) -> list[str]:
        rows = (self._json("GET", "/importErrors") or {}).get("import_errors", [])
        return [f"{row['filename']}: {row['stack_trace'].strip().splitlines()[-1]}" for row in rows[:5]]

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, allow: tuple[int, ...] = ()
    ) -> dict[str, Any] | None:
        answer = self._call(method, path, body)
        if answer.status_code in allow:
            return None
        if not answer.ok:
            raise RequestError(
                f"Airflow refused {method} {path}",
                found=f"{answer.status_code}: {answer.text[:500]}",
                allowed="a request that its API accepts",
                remedy="read the answer; logs/api-server.log in EVERGREEN_HOME has more",
            )
        return dict(answer.json())

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        said = ""
        for wait in (*WAITS_SECONDS, None):
            try:
                answer = self._send(method, path, body)
                if answer.status_code < requests.codes.server_error:
                    return answer
                said = f"{answer.status_code}: {answer.text[:300]}"
            except requests.ConnectionError as error:
                said = str(error)[:300]
            except requests.Timeout:
                said = f"no answer within {_TIMEOUT_SECONDS:.0f} s"
            if wait is not None:
                time.sleep(wait)
        raise StoreUnavailableError(
            f"Airflow did not answer {method} {path}, asked {len(WAITS_SECONDS) + 1} times",
            found=said,
            allowed="an answer",
            remedy="run `evergreen doctor`; logs/api-server.log in EVERGREEN_HOME has more",
        )

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self._log_in()
        answer = self._session.request(method, f"{self._url}/api/v2{path}", json=body, timeout=_TIMEOUT_SECONDS)
        if answer.status_code == _UNAUTHORISED:  # the token is of a day ago, or of another start of the stack
            self._log_in()
            answer = self._session.request(method, f"{self._url}/api/v2{path}", json=body, timeout=_TIMEOUT_SECONDS)
        return answer

    def _log_in(self) -> None:
        self._session.headers.pop("Authorization", None)
        answer = self._session.post(f"{self._url}/auth/token", json=self._login, timeout=_TIMEOUT_SECONDS)
        if answer.ok:
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
