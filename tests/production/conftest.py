"""The stack of docker/compose.yaml as processes, and the embedded one beside it; `make production-test` starts these tests."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ceph_gateway import missing_programs
from evergreen.definitions import read_definitions
from evergreen.settings import Settings
from production.stack import ROOT, ProductionStack
from production.what_was_decided import computed, decided

MODEL = "flight_delays"


@dataclass(frozen=True)
class Outcome:
    """What was decided and computed up to a moment."""

    decided: dict[str, list[dict[str, Any]]]
    computed: dict[str, dict[str, str]]

    @classmethod
    def of(cls, settings: Settings) -> "Outcome":
        definition = read_definitions(ROOT / "include" / "models", [MODEL]).sound[MODEL]
        return cls(decided(settings), computed(settings, definition))


@dataclass(frozen=True)
class Told:
    """A demo that has ended."""

    seconds: float
    outcome: Outcome
    started_again: dict[str, int]


@dataclass(frozen=True)
class Embedded:
    """A home in which everything ran on the embedded default."""

    home: Path
    told: Told

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def evergreen(self, *arguments: str) -> None:
        """Run a command of the CLI."""
        _run([*arguments], {"EVERGREEN_HOME": str(self.home)})


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Embedded:
    """The demo, told on the embedded default; its seconds are those of the whole command, with start and stop."""
    home = tmp_path_factory.mktemp("embedded")
    began = time.monotonic()
    _run(["demo", "--down"], {"EVERGREEN_HOME": str(home)})
    seconds = time.monotonic() - began
    return Embedded(home, Told(seconds, Outcome.of(Settings(home=home)), {}))


@pytest.fixture(scope="session")
def production(embedded) -> Iterator[ProductionStack]:
    """The stack, started when the embedded one has gone: each demo is timed with the machine to itself."""
    for name in ("AIRFLOW_VENV", "MLFLOW_VENV"):
        if name not in os.environ:
            pytest.fail("start tests/production/lane.sh, which makes the environments of the images first")
    assert not missing_programs(), "apt-get install radosgw ceph-mon ceph-osd"
    began = time.monotonic()
    with ProductionStack(Path(os.environ["AIRFLOW_VENV"]), Path(os.environ["MLFLOW_VENV"])) as stack:
        print(f"\nproduction stack healthy after {time.monotonic() - began:.0f} s")
        os.environ.update(
            {name: stack.environment("worker-light")[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        )
        yield stack


@pytest.fixture(scope="session")
def production_settings(production) -> Settings:
    """The settings of its workers, as this process needs them."""
    variables = production.environment("worker-light")
    names = ("DATABASE_URL", "LANDING_URI", "TABLES_URI", "ARTIFACTS_URI", "REPORTS_URI", "RESULTS_URI", "S3_ENDPOINT_URL")
    return Settings(**{name.lower(): variables[f"EVERGREEN_{name}"] for name in names})


@pytest.fixture(scope="session")
def told(production, production_settings) -> Told:
    """The demo, told on the production stack."""
    began = time.monotonic()
    said = production.evergreen(
        *("demo", "--airflow-url", production.urls["airflow"], "--gateway-url", production.urls["gateway"]),
        EVERGREEN_AIRFLOW_PASSWORD=production.secrets["AIRFLOW_ADMIN_PASSWORD"],
        EVERGREEN_GATEWAY_KEY=production.new_key(),
    )
    seconds = time.monotonic() - began
    print(said)
    return Told(seconds, Outcome.of(production_settings), dict(production.restarts))


def _run(arguments: list[str], variables: dict[str, str]) -> None:
    quiet = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "EVERGREEN", "AWS_"))}
    outside.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(Path(sys.executable).parent / "evergreen"), *arguments]
    subprocess.run(command, env={**outside, **quiet, **variables}, cwd=ROOT, check=True)
