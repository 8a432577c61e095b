"""Airflow's API server, scheduler and DAG processor with every setting of AWS that the production guide names.

The S3, SNS, SQS, CloudWatch and Secrets Manager server is moto's, the lineage server a listener of our own; all on loopback.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_stack import answers, wait_until
from evergreen.cli.stack.health import loopback_session, warm_up_airflow
from free_ports import free_ports
from started import Started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGION = "us-east-1"
ACCOUNT = "123456789012"
HOST = "127.0.0.1"
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-tasks"
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}


def aws_client(service: str, url: str, region: str = REGION) -> Any:
    """Return a client of the server at `url`."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, proxies={})
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": region}
    return boto3.client(service, endpoint_url=url, config=config, **keys)


@contextmanager
def aws_server() -> Iterator[str]:
    """Yield the address of a moto server of our own."""
    [port] = free_ports(1)
    url = f"http://{HOST}:{port}"
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", HOST, "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: answers(loopback_session(), url), 60, "the server of AWS's services answers")
        yield url
    finally:
        process.terminate()
        process.wait(10)


class LineageServer:
    """Keeps every OpenLineage event that is posted to it. Use as a context manager."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        keep = self.events.append

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> LineageServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, job: str, kind: str) -> list[dict[str, Any]]:
        """Return the events of one job and kind."""
        return [event for event in self.events if event.get("job", {}).get("name") == job and event["eventType"] == kind]


class AwsStack(Started):
    """A running stack. Use as a context manager."""

    def __init__(self, aws_url: str, *, dags: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self.aws_url = aws_url
        self.home = Path(tempfile.mkdtemp(prefix="evergreen-aws-"))
        self.dags, self.settings = dags, settings
        [port] = free_ports(1)
        self.url = f"http://{HOST}:{port}"
        self.port = port
        self.session = loopback_session()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def close(self) -> None:
        """Stop what was started, each process by its own id."""
        self.stop(*self.processes)
        if not os.environ.get("KEEP_AWS_STACK"):
            shutil.rmtree(self.home, ignore_errors=True)

    def _start(self) -> None:
        (self.home / "dags").mkdir()
        (self.home / "passwords.json").write_text(json.dumps({"admin": "admin"}))
        for name, text in self.dags.items():
            (self.home / "dags" / name).write_text(text)
        self._put_secrets()
        self.environment = self._environment()
        airflow = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(airflow, env=self.environment, check=True, capture_output=True, timeout=180)
        self.start(*COMPONENTS)

    def start(self, *names: str) -> None:
        """Start components and wait until Airflow answers."""
        for name in names:
            log = (self.home / f"{name}.log").open("ab")
            command = [sys.executable, "-m", "airflow", *COMPONENTS[name]]
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.home
            )
        wait_until(self._healthy, 240, "Airflow is healthy")
        warm_up_airflow(self.url, self.session)
        answer = self.call("POST", "/auth/token", {"username": "admin", "password": "admin"})
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def stop(self, *names: str) -> None:
        """Stop components with their children, which share their sessions."""
        stopping = [self.processes.pop(name) for name in list(names)]
        for process in stopping:
            os.killpg(process.pid, signal.SIGTERM)
        for process in stopping:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call Airflow as a careful client does: again after no answer or a 5xx."""
        for pause in (0.2, 0.5, 1, 2, 4, 8):
            answer = self.session.request(method, f"{self.url}{path}", json=body, timeout=30)
            if answer.status_code < 500:
                assert answer.ok, answer.text
                return answer.json()
            time.sleep(pause)
        raise AssertionError(f"{method} {path} did not succeed: {answer.text}")

    def run(self, dag_id: str, run_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Run a DAG to its end and return its state."""
        wait_until(lambda: self._knows(dag_id), 60, f"{dag_id} is known")
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        body = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf or {})}
        self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

        def state() -> str:
            return str(self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

        deadline = time.monotonic() + 240
        while (found := state()) not in ("success", "failed"):
            assert time.monotonic() < deadline, f"{dag_id} has not ended: {found}"
            time.sleep(0.7)  # every look costs the API server, which the tasks need as well
        return found

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task as Airflow's API tells of it."""
        return dict(self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"))

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return a task's log as Airflow's API tells it."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        return json.dumps(self.call("GET", path)["content"])

    def _healthy(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, (self.home / f"{name}.log").read_text()[-3000:]
        if not answers(self.session, f"{self.url}/api/v2/monitor/health"):
            return False
        health = self.session.get(f"{self.url}/api/v2/monitor/health", timeout=10).json()
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _knows(self, dag_id: str) -> bool:
        return bool(self.session.get(f"{self.url}/api/v2/dags/{dag_id}", timeout=30).ok)

    def _put_secrets(self) -> None:
        from cryptography.fernet import Fernet

        connection = {"conn_type": "aws", "extra": {"region_name": REGION, "endpoint_url": self.aws_url}}
        kept = {
            "airflow/connections/aws_default": json.dumps(connection),
            "airflow/config/sql_alchemy_conn": f"sqlite:///{self.home}/airflow.db",
            "airflow/config/fernet_key": Fernet.generate_key().decode(),
        }
        client = aws_client("secretsmanager", self.aws_url)
        for name, value in kept.items():
            client.create_secret(Name=name, SecretString=value)

    def _environment(self) -> dict[str, str]:
        outside = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "EVERGREEN", "AWS_", "OPENLINEAGE"))}
        outside.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **outside,
            **KEYS,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.home / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "20",
            "PYTHONWARNINGS": "ignore",
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
            **self.settings,
        }
