"""Airflow's four components on PostgreSQL with an S3 and SQS server beside them, to throw events at; all on loopback, all ours.

The events DAG is the project's own. What it starts is the project's own too, or, where only the way to it is measured, a DAG of
the same name whose one task writes its run id into a ledger.
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
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import requests

from evergreen.cli.stack.health import airflow_problems, loopback_session, warm_up_airflow
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.requests import RequestStore
from evergreen.results import ChampionVersion, Outcome
from evergreen.settings import Settings
from free_ports import free_port
from released_models import Nowhere
from started import Started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
MODEL = "shop"
BUCKET = "landing"
REGION = "us-east-1"
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

DEFINITION = """
name: shop
title: Will it come back?
owner: tests
schedule: {{timezone: UTC, scoring: manual, training: manual, monitoring: manual}}
data:
  rows: orders
  first_day: 2026-01-01
  label: {{table: returns, column: returned, equals: true}}
  tables:
    orders:
      files: orders/{{day}}.parquet
      key: [order_id]
      event_time: ordered_at
    returns:
      files: returns/{{day}}.parquet
      key: [order_id]
      event_time: ordered_at
      available_after: 14d
events:
  lookback: 365d
  sweep: {sweep}
  queue: {{url: "{queue}", every: 1s, hidden_for: {hidden_for}}}
"""

LEDGER = """
import os
from airflow.sdk import DAG, Param, task

form = {name: Param(None) for name in ("as_of", "reason")}
with DAG("shop.scoring", schedule=None, catchup=False, max_active_runs=16, params=form):

    @task
    def note(dag_run=None):
        import psycopg

        with psycopg.connect(os.environ["LEDGER"], autocommit=True) as connection:
            connection.execute("INSERT INTO ledger (run_id) VALUES (%s)", [dag_run.run_id])

    note()
"""


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Yield the address of a server of our own, `127.0.0.1:port`, with databases `airflow` and `evergreen`."""
    folder = Path(tempfile.mkdtemp(prefix="evergreen-events-postgresql-"))
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_server:
        shutil.chown(folder, "postgres")
    port, data = free_port(), str(folder / "data")
    run: dict[str, Any] = {"check": True, "capture_output": True, "cwd": folder, "timeout": 60}
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c max_connections=200"
    try:
        initdb = [*as_server, POSTGRESQL / "initdb", "-D", data, "-U", "evergreen", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(initdb, **run)
        control = [*as_server, POSTGRESQL / "pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(control, **run)
        with psycopg.connect(f"postgresql://evergreen@127.0.0.1:{port}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE airflow")
            connection.execute("CREATE DATABASE evergreen")
        yield f"127.0.0.1:{port}"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            subprocess.run([*as_server, POSTGRESQL / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)


class EventStack(Started):
    """A running stack. Use as a context manager."""

    def __init__(self, *, sweep: str = "2m", hidden_for: str = "20s", orphans_checked_every: int = 300) -> None:
        self.orphans_checked_every = orphans_checked_every
        self.home = Path(tempfile.mkdtemp(prefix="evergreen-events-"))
        self.definition_values = {"sweep": sweep, "hidden_for": hidden_for}
        self.aws_port, self.airflow_port = free_port(), free_port()
        self.airflow_url = f"http://127.0.0.1:{self.airflow_port}"
        self.aws_url = f"http://127.0.0.1:{self.aws_port}"
        self.session = loopback_session()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.retried = 0
        self._exits = ExitStack()

    def close(self) -> None:
        """Stop what was started, each process by its own id."""
        for name in list(self.processes):
            self.stop(name, signal.SIGTERM)
        self._exits.close()
        if not os.environ.get("KEEP_EVENT_STACK"):
            shutil.rmtree(self.home, ignore_errors=True)

    # --- processes -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        server = self._exits.enter_context(postgresql_server())
        self.database_url = f"postgresql+psycopg://evergreen@{server}/evergreen"
        self.ledger_url = f"postgresql://evergreen@{server}/evergreen"
        self.airflow_database = f"postgresql://evergreen@{server}/airflow"
        with psycopg.connect(self.ledger_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE ledger (run_id text, at timestamptz DEFAULT clock_timestamp())")
        self.environment = self._environment(f"postgresql+psycopg://evergreen@{server}/airflow")
        self._write_files()
        self._spawn("moto", [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(self.aws_port)])
        self._make_queue_and_bucket()
        self._write_definition()
        release_a_champion(Settings(home=self.home, database_url=self.database_url), MODEL)
        airflow = [sys.executable, "-m", "airflow"]
        subprocess.run([*airflow, "db", "migrate"], env=self.environment, check=True, capture_output=True, timeout=180)
        began = time.time()
        for name in COMPONENTS:
            self.start(name)
        wait_until(lambda: not airflow_problems(self.airflow_url, began, self.session), 240, "Airflow is healthy")
        warm_up_airflow(self.airflow_url, self.session)
        self._log_in()
        wait_until(lambda: self._asset_id() is not None, 120, "the events DAG is known")
        wait_until(lambda: self._known_dag("scoring"), 120, "the scoring DAG is known")
        self.asset_id = self._asset_id()

    def start(self, name: str) -> None:
        """Start one of Airflow's components."""
        self._spawn(name, [sys.executable, "-m", "airflow", *COMPONENTS[name]])

    def stop(self, name: str, kind: signal.Signals) -> None:
        """Stop one component and its children, which share its session."""
        process = self.processes.pop(name)
        try:
            os.killpg(process.pid, kind)
            process.wait(20)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def _spawn(self, name: str, command: list[str]) -> None:
        log = (self.home / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.home
        )

    def _environment(self, airflow_database: str) -> dict[str, str]:
        outside = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "EVERGREEN", "AWS_"))}
        outside.pop("PYTHONDONTWRITEBYTECODE", None)
        aws = {
            "conn_type": "aws",
            "login": "x",
            "password": "x",
            "extra": {"region_name": REGION, "endpoint_url": self.aws_url},
        }
        home = self.home
        (home / "passwords.json").write_text(json.dumps({"admin": "admin"}))
        core = {
            "DAGS_FOLDER": str(home / "dags"),
            "PLUGINS_FOLDER": str(home / "plugins"),
            "LOAD_EXAMPLES": "False",
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": "4",
            "DAGS_ARE_PAUSED_AT_CREATION": "False",
            "EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "FERNET_KEY": "",
        }
        return {
            **outside,
            **{f"AIRFLOW__CORE__{name}": value for name, value in core.items()},
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": airflow_database,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.airflow_port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": str(self.orphans_checked_every),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "20",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": REGION,
            "EVERGREEN_HOME": str(home / "evergreen"),
            "EVERGREEN_DEFINITIONS_DIR": str(home / "models"),
            "EVERGREEN_LANDING_URI": f"s3://{BUCKET}",
            "EVERGREEN_S3_ENDPOINT_URL": self.aws_url,
            "EVERGREEN_DATABASE_URL": self.database_url,
            "LEDGER": self.ledger_url,
            "PYTHONWARNINGS": "ignore",
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def _write_files(self) -> None:
        for name in ("dags", "plugins", "models", "airflow"):
            (self.home / name).mkdir()
        shutil.copy(ROOT / "dags" / "events.py", self.home / "dags")
        (self.home / "dags" / "scoring.py").write_text(LEDGER)

    def _write_definition(self) -> None:
        folder = self.home / "models" / MODEL
        folder.mkdir()
        (folder / "model.yaml").write_text(DEFINITION.format(queue=self.queue_url, **self.definition_values))
        (folder / "features.py").write_text("def row_features(rows, entities):\n    return rows[['order_id']]\n")

    # --- S3 and SQS ------------------------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"}, proxies={})
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": REGION}
        return boto3.client(service, endpoint_url=self.aws_url, config=config, **keys)

    def _make_queue_and_bucket(self) -> None:
        wait_until(lambda: answers(self.session, self.aws_url), 60, "the S3 and SQS server answers")
        self.sqs, self.s3 = self.client("sqs"), self.client("s3")
        self.queue_url = self.sqs.create_queue(QueueName="landing")["QueueUrl"]
        self.s3.create_bucket(Bucket=BUCKET)
        self.notify(True)

    def notify(self, wanted: bool) -> None:
        """Let the bucket speak of new objects, or not."""
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        rules = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}] if wanted else []
        self.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": rules})

    def land(self, day: str) -> None:
        """Put a day's file into the landing zone."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{MODEL}/orders/{day}.parquet", Body=b"x")

    def send(self, body: dict[str, Any]) -> None:
        """Send a request through the queue."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(body))

    # --- Airflow's REST API ----------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        """Call Airflow as a careful client does: again after no answer or a 5xx."""
        for pause in (0.2, 0.5, 1, 2, 4, 8, 0):
            try:
                answer = self.session.request(method, f"{self.airflow_url}{path}", json=body, timeout=30)
                if answer.status_code < 500:
                    return answer
            except requests.ConnectionError:
                pass
            self.retried += 1
            time.sleep(pause)
        raise AssertionError(f"{method} {path} did not succeed")

    def post_event(self, body: dict[str, Any]) -> None:
        """Post an event to the asset of requests."""
        answer = self.call("POST", "/api/v2/assets/events", {"asset_id": self.asset_id, "extra": body})
        assert answer.ok, answer.text

    def pause(self, paused: bool) -> None:
        """Pause or unpause the events DAG."""
        assert self.call("PATCH", f"/api/v2/dags/{MODEL}.events", {"is_paused": paused}).ok

    def _log_in(self) -> None:
        answer = self.call("POST", "/auth/token", {"username": "admin", "password": "admin"})
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _asset_id(self) -> int | None:
        found = self.call("GET", f"/api/v2/assets?name_pattern={MODEL}.requests").json().get("assets", [])
        return int(found[0]["id"]) if found else None

    def _known_dag(self, kind: str) -> bool:
        return bool(self.call("GET", f"/api/v2/dags/{MODEL}.{kind}").ok)

    # --- what came of it -------------------------------------------------------------------------------------------------

    @property
    def store(self) -> RequestStore:
        return RequestStore(self.database_url)

    def executions(self) -> dict[str, int]:
        """Return how often the work of each run was done, by run id."""
        with psycopg.connect(self.ledger_url) as connection:
            return dict(connection.execute("SELECT run_id, count(*) FROM ledger GROUP BY run_id").fetchall())

    def runs(self, kind: str) -> dict[str, str]:
        """Return the state of every run of one of the model's DAGs, by run id."""
        with psycopg.connect(self.airflow_database) as connection:
            query = "SELECT run_id, state FROM dag_run WHERE dag_id = %s"
            return dict(connection.execute(query, [f"{MODEL}.{kind}"]).fetchall())

    def quiet(self) -> bool:
        """Return whether no wake-up is under way."""
        return all(state in ("success", "failed") for state in self.runs("events").values())


def release_a_champion(settings: Settings, model: str) -> None:
    """Put a champion into our own books: without one there is nothing to score with, and no day asks for it."""
    now = datetime.now(UTC)
    record = DecisionStore(settings.database_url).record(
        DecisionRecord(
            model=model,
            as_of=now,
            outcome=Outcome.PROMOTE,
            reasons=("first",),
            challenger_name="baseline",
            challenger_digest="b",
            champion_version=None,
            champion_digest=None,
            holdout_digest="h",
            measurement_digest="m",
            gate_digest="g",
            measurement_uri="/m",
            report_uri="/r",
            mlflow_run_id="run",
        )
    )
    version = ChampionVersion(
        model=model,
        version="1",
        bundle_uri="/bundle",
        bundle_digest="b",
        decision_id=record.id,
        mlflow_run_id="run",
        trained_through=now,
        features_source_digest="s",
    )
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    registry.register(version)
    registry.promote(model, "1", record.id, None, actor="test")


def answers(session: requests.Session, url: str) -> bool:
    try:
        return bool(session.get(url, timeout=5).status_code < 500)
    except requests.RequestException:
        return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a condition and return how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - began
