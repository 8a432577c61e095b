"""The stack that `lane.sh` has started; run it, not these tests alone."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from evergreen.cli.airflow_api import AirflowApi


class Stack:
    """The running containers, by service."""

    def __init__(self, compose, env_file):
        self._compose = shlex.split(compose)
        lines = Path(env_file).read_text(encoding="utf-8").splitlines()
        self.secrets = dict(line.split("=", 1) for line in lines)
        self.airflow = AirflowApi(
            f"http://127.0.0.1:{os.environ['AIRFLOW_PORT']}", "admin", self.secrets["AIRFLOW_ADMIN_PASSWORD"]
        )
        self.gateway_url = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
        self.mlflow_url = f"http://127.0.0.1:{os.environ['MLFLOW_PORT']}"
        self.prometheus_url = f"http://127.0.0.1:{os.environ['PROMETHEUS_PORT']}"

    def compose(self, *arguments, check=True):
        return subprocess.run([*self._compose, *arguments], capture_output=True, text=True, check=check)

    def execute(self, service, *command, check=True):
        return self.compose("exec", "-T", service, *command, check=check)

    def containers(self):
        names = self.compose("ps", "--all", "--format", "{{.Name}}").stdout.split()
        inspected = subprocess.run([self._compose[0], "inspect", *names], capture_output=True, text=True, check=True).stdout
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in json.loads(inspected)}


@pytest.fixture(scope="session")
def stack():
    if "COMPOSE" not in os.environ:
        pytest.fail("start tests/images/lane.sh, which builds and starts what is tried here")
    return Stack(os.environ["COMPOSE"], os.environ["ENV_FILE"])
