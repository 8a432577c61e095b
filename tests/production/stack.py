"""docker/compose.yaml without containers: the same commands and variables, as processes of ours on loopback.

What Docker's `restart: unless-stopped` does, a thread does here: a process that ends is started again, and counted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ceph_gateway import CephGateway
from event_stack import POSTGRESQL, answers, wait_until
from evergreen.cli.airflow_api import AirflowApi
from evergreen.cli.stack.health import airflow_problems, loopback_session, warm_up_airflow
from free_ports import free_port
from production.compose_environment import ComposeFile
from started import Started

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-light", "worker-train")
SERVERS = ("postgres", "redis", "mlflow", "gateway")
LIMIT_SECONDS = 300.0


class ProductionStack(Started):
    """PostgreSQL, Redis, Ceph's S3, MLflow with users, Airflow on Celery with two workers, and the gateway.

    Args:
        airflow: Environment made from docker/airflow.lock.
        mlflow: Environment made from docker/mlflow.lock.
    """

    def __init__(self, airflow: Path, mlflow: Path) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="evergreen-production-"))
        self.home.chmod(0o755)  # PostgreSQL's user walks through
        self._venvs = {"airflow": airflow, "mlflow": mlflow}
        names = ("postgres", "redis", "mlflow", "airflow", "gateway", "scheduler")
        self.ports = {name: free_port() for name in names}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.secrets = self._make_secrets()
        self.s3 = CephGateway(secret_key=self.secrets["S3_PASSWORD"])
        self.compose = ComposeFile(self.secrets, self._addresses())
        self.restarts: Counter[str] = Counter()
        self.session = loopback_session()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._wanted: set[str] = set()
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    # --- life ------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop what was started, each process by its own id."""
        self._ending.set()
        for name in reversed([*SERVERS, *COMPONENTS]):
            self.stop(name, signal.SIGKILL)
        self.s3.close()
        if not os.environ.get("KEEP_PRODUCTION_STACK"):
            shutil.rmtree(self.home, ignore_errors=True)

    def _start(self) -> None:
        self.s3.__enter__()
        self._make_postgres()
        self.start("postgres")
        self._run("postgres", ["sh", str(DOCKER / "postgres" / "databases.sh")], cwd=DOCKER)
        self.start("redis")
        self._run("airflow", ["python", "-c", *self.compose.command("buckets")], environment=self.environment("buckets"))
        self.start("mlflow")
        self.wait_for_mlflow()
        self._run("mlflow", ["python", str(DOCKER / "mlflow_users.py")], environment=self.environment("mlflow-users"))
        self._run("airflow", self.compose.command("migrate"), environment=self.environment("migrate"))
        began = time.time()
        for name in COMPONENTS:
            self.start(name)
        self._supervisor.start()
        wait_until(lambda: not airflow_problems(self.urls["airflow"], began, self.session), LIMIT_SECONDS, "Airflow is healthy")
        warm_up_airflow(self.urls["airflow"], self.session)
        self._run("gateway", ["sh", *self.compose.command("gateway-keys")[1:]], environment=self.environment("gateway-keys"))
        self.start("gateway")
        wait_until(lambda: answers(self.session, f"{self.urls['gateway']}/health"), LIMIT_SECONDS, "the gateway answers")

    def start(self, name: str) -> None:
        """Start a process and have it started again when it ends."""
        with self._lock:
            self._wanted.add(name)
            self._spawn(name)
        if name == "postgres":
            ready = [str(POSTGRESQL / "pg_isready"), "--host", "127.0.0.1", "--port", str(self.ports["postgres"])]
            wait_until(
                lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0, 60, "PostgreSQL answers"
            )

    def wait_for_mlflow(self) -> None:
        """Wait until MLflow's server answers."""
        wait_until(lambda: answers(self.session, f"{self.urls['mlflow']}/health"), LIMIT_SECONDS, "MLflow answers")

    def stop(self, name: str, kind: signal.Signals = signal.SIGTERM) -> None:
        """Stop a process with all its children; it stays down until `start`."""
        with self._lock:
            self._wanted.discard(name)
            process = self._processes.pop(name, None)
        if process is not None:
            _end(process, kind)

    def kill(self, name: str) -> None:
        """Kill a process and all that it has started, as the end of a container does; the supervisor starts it again."""
        with self._lock:
            _kill_tree(self._processes[name].pid)

    def restart(self, name: str, seconds_down: float) -> None:
        """Take a server away for a while."""
        if name == "s3":
            self.s3.stop()
            time.sleep(seconds_down)
            self.s3.start_gateway()
            return
        self.stop(name, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        time.sleep(seconds_down)
        self.start(name)

    def _supervise(self) -> None:
        while not self._ending.wait(1.0):
            with self._lock:
                for name in self._wanted - {"postgres", "redis"}:
                    process = self._processes.get(name)
                    if process is not None and process.poll() is not None and not self._ending.is_set():
                        self.restarts[name] += 1
                        self._spawn(name)

    # --- what runs -------------------------------------------------------------------------------------------------------

    def _spawn(self, name: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._command(name),
                env=self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder(name),
                start_new_session=True,
                **({"user": "postgres"} if name == "postgres" and os.geteuid() == 0 else {}),
            )

    def _command(self, name: str) -> Sequence[str]:
        match name:
            case "postgres":
                own = {
                    "listen_addresses": "127.0.0.1",
                    "port": self.ports["postgres"],
                    "unix_socket_directories": self.home / name,
                }
                options = [part for key, value in own.items() for part in ("-c", f"{key}={value}")]
                # Docker's image adds the program and its folder; the rest is the compose file's.
                return [
                    str(POSTGRESQL / "postgres"),
                    "-D",
                    str(self.home / name / "data"),
                    *options,
                    *self.compose.command(name)[1:],
                ]
            case "redis":
                script = self.compose.command(name)[-1].replace("dir /data", f"dir {self._folder(name)}")
                return ["sh", "-c", script.replace("printf '", f"printf 'bind 127.0.0.1\\nport {self.ports[name]}\\n", 1)]
            case "mlflow":
                server = ["mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1", "--workers", "1"]
                return ["sh", str(DOCKER / "mlflow-entrypoint.sh"), *server, "--port", str(self.ports[name])]
            case "gateway":
                return ["evergreen", "serve", "--host", "127.0.0.1", "--port", str(self.ports[name]), "--workers", "1"]
            case "api-server":
                server = ["airflow", "api-server", "--host", "127.0.0.1", "--port", str(self.ports["airflow"])]
                return ["sh", str(DOCKER / "airflow-entrypoint.sh"), *server]
            case "worker-light" | "worker-train":
                return [*self.compose.command(name), "--skip-serve-logs"]
            case _:
                return self.compose.command(name)

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables of a service: the compose file's, and what its image sets."""
        venv = self._venvs["mlflow" if name.startswith("mlflow") else "airflow"]
        outside = {key: value for key, value in os.environ.items() if key in ("LANG", "LC_ALL", "TZ")}
        image = {
            "PATH": f"{venv}/bin:{POSTGRESQL}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self._folder(name)),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
            "DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "GX_ANALYTICS_ENABLED": "false",
            "GIT_PYTHON_REFRESH": "quiet",
            "MPLCONFIGDIR": str(self.home / "matplotlib"),
            "AIRFLOW_HOME": str(self._folder(name)),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # A container has an address of its own; here only the port is free.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler"]),
            "EVERGREEN_HOME": str(self.home / "evergreen"),
            "EVERGREEN_DEFINITIONS_DIR": str(ROOT / "include" / "models"),
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        if name == "postgres":
            image |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.ports[name]), "PGPASSWORD": self.secrets["POSTGRES_PASSWORD"]}
        # Nobody listens for StatsD here; its packets are lost without a word.
        own = {"AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1"}
        return {**outside, **image, **self.compose.environment(name), **own}

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        return folder

    def _addresses(self) -> dict[str, str]:
        return {
            "@postgres/": f"@127.0.0.1:{self.ports['postgres']}/",
            "redis:6379": f"127.0.0.1:{self.ports['redis']}",
            "http://s3:9000": self.s3.url,
            "http://mlflow:5000": self.urls["mlflow"],
            "http://api-server:8080": self.urls["airflow"],
            "http://127.0.0.1:8080": self.urls["airflow"],
            "/keys/": f"{self._folder('keys')}/",
        }

    def _make_secrets(self) -> dict[str, str]:
        path = self.home / "secrets"
        subprocess.run(["sh", str(DOCKER / "secrets.sh"), str(path)], check=True, capture_output=True)
        return dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines())

    def _make_postgres(self) -> None:
        folder = self._folder("postgres")
        password = folder / "password"
        password.write_text(self.secrets["POSTGRES_PASSWORD"])
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            shutil.chown(password, "postgres")
        initdb = [str(POSTGRESQL / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-E", "UTF8"]
        self._run("postgres", [*initdb, "--auth=scram-sha-256", f"--pwfile={password}"], as_server=True)

    def _run(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        as_server: bool = False,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> str:
        done = subprocess.run(
            command,
            env=environment or self.environment(name),
            cwd=cwd or self._folder(name),
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=False,
            **({"user": "postgres"} if as_server and os.geteuid() == 0 else {}),
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-3000:]}"
        return done.stdout

    # --- what a person does ----------------------------------------------------------------------------------------------

    @property
    def airflow(self) -> AirflowApi:
        """Airflow's API, logged in."""
        return AirflowApi(self.urls["airflow"], "admin", self.secrets["AIRFLOW_ADMIN_PASSWORD"])

    def evergreen(self, *arguments: str, limit_seconds: float = 3000.0, **variables: str) -> str:
        """Run a command of the CLI as somebody in the container worker-light does; return what it printed."""
        environment = {**self.environment("worker-light"), **variables}
        return self._run("cli", ["evergreen", *arguments], environment=environment, limit_seconds=limit_seconds)

    def new_key(self) -> str:
        """Make a key of the gateway that may ask and read everything."""
        command = ["evergreen", "key", "new", "tests", "--models", "*", "--read"]
        return self._run("gateway", command).strip()


def _end(process: subprocess.Popen[bytes], kind: signal.Signals) -> None:
    """Ask a process to end, and kill what is left of it: servers and tasks leave their parents' groups."""
    started = _tree(process.pid)
    try:
        process.send_signal(kind)
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    for each in started:
        with suppress(psutil.Error):
            each.kill()


def _kill_tree(pid: int) -> None:
    # Parents first: a supervisor that lives on would tell Airflow that its task has failed.
    for each in _tree(pid):
        with suppress(psutil.Error):
            each.kill()


def _tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []
