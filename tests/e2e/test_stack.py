"""The real stack: Airflow's four components and MLflow's server come up on free ports and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from event_stack import wait_until
from evergreen.cli.stack.health import loopback_session, stack_problems
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.lifecycle import find_running
from evergreen.cli.stack.record import StackRecord
from evergreen.settings import PROJECT_ROOT
from free_ports import free_ports

pytestmark = pytest.mark.slow

TOY = """
from airflow.sdk import DAG, task

with DAG("toy", catchup=False):

    @task(pool="training")
    def answer() -> int:
        return 42

    answer()
"""


class Stack:
    """The command line, pointed at a home and ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.airflow_port, self.mlflow_port, self.gateway_port = free_ports(3)
        self.layout = StackLayout(home, PROJECT_ROOT, self.airflow_port, self.mlflow_port, self.gateway_port)
        dags = home / "dags"
        dags.mkdir(parents=True)
        (dags / "toy.py").write_text(TOY)
        own = {"EVERGREEN_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        # The test session's own Airflow must not leak into the stack.
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "EVERGREEN"))}
        self.environment = {**outside, **own}

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        code = "from evergreen.cli.main import run; run()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.command(*arguments)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output

    def up(self) -> tuple[int, str]:
        return self.run("up", *self.ports())

    def ports(self) -> list[str]:
        given = {"airflow": self.airflow_port, "mlflow": self.mlflow_port, "gateway": self.gateway_port}
        return [part for name, port in given.items() for part in (f"--{name}-port", str(port))]

    def record(self) -> StackRecord:
        record = find_running(self.layout)
        assert record is not None
        return record


def members(record: StackRecord) -> list[psutil.Process]:
    leaders = {leader.pid for leader in (*record.leaders(), record.supervisor)}
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "home")
    yield stack
    stack.run("down")


def test_up_runs_a_dag_survives_crashes_and_goes_down_without_a_trace(stack: Stack) -> None:
    code, output = stack.up()
    assert code == 0, output
    assert f"http://127.0.0.1:{stack.airflow_port}" in output
    record = stack.record()
    # On a busy machine a heartbeat may come late; `up` has said that there was one.
    session = loopback_session()
    wait_until(lambda: not stack_problems(record, session, with_mlflow=True), 60.0, "every part is healthy")

    every = members(record)
    assert len(every) >= len(record.leaders()) + 1
    for process in every:
        for connection in process.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip == "127.0.0.1", f"{process.cmdline()} listens on {connection.laddr}"

    for path in (stack.layout.secrets_path, stack.layout.passwords_path, stack.layout.record_path):
        assert path.stat().st_mode & 0o077 == 0

    assert answer_of_toy(stack) == 42

    code, output = stack.up()
    assert (code, "already running" in output) == (0, True)

    scheduler = record.components["scheduler"].process
    assert scheduler is not None
    os.kill(scheduler.pid, signal.SIGKILL)
    assert came_back(stack, "scheduler", scheduler.pid)

    every = members(stack.record())
    code, output = stack.run("down")
    assert (code, output) == (0, "stopped\n")
    assert [process.cmdline() for process in every if is_alive(process)] == []
    assert stack.run("down") == (0, "nothing was running\n")


def test_a_port_that_is_taken_is_told(stack: Stack) -> None:
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", stack.airflow_port))
        server.listen()
        code, output = stack.up()
    assert code == 1
    assert f"port {stack.airflow_port}, meant for Airflow, is taken" in output
    assert f"process {os.getpid()}" in output
    assert "--airflow-port" in output


def test_ctrl_c_while_it_starts_leaves_nothing(stack: Stack) -> None:
    process = stack.command("up", *stack.ports())
    deadline = time.monotonic() + 60
    while find_running(stack.layout) is None or not stack.record().leaders():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    every = members(stack.record())
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not [p for p in every if is_alive(p)]
    assert not stack.layout.record_path.exists()


def answer_of_toy(stack: Stack) -> object:
    from rich.console import Console

    from evergreen.cli.airflow_api import AirflowApi
    from evergreen.cli.follow import follow_run, start_run

    password = json.loads(stack.layout.secrets_path.read_text())["admin_password"]
    api = AirflowApi(stack.layout.airflow_url, "admin", password)
    run_id = start_run(api, "toy", "once", {})
    returned = follow_run(api, "toy", run_id, Console(quiet=True))
    assert start_run(api, "toy", "once", {}) == "once-2"
    return returned["answer"]


def came_back(stack: Stack, name: str, old_pid: int) -> bool:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        process = stack.record().components[name].process
        if process is not None and process.pid != old_pid and process.is_alive():
            return True
        time.sleep(0.2)
    return False


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
