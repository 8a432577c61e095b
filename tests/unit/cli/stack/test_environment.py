import json
import os
from pathlib import Path

import pytest

from evergreen.cli.stack.components import runs_mlflow, stack_components
from evergreen.cli.stack.environment import stack_environment
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.secrets import load_or_make_secrets
from evergreen.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def layout(settings: Settings) -> StackLayout:
    return StackLayout(settings.home, settings.home / "project", 18080, 18081)


def environment(layout: StackLayout, settings: Settings, **outside: str) -> dict[str, str]:
    return stack_environment(layout, settings, load_or_make_secrets(layout), {"PATH": "/bin", **outside})


def test_a_tuned_value_gives_way_to_the_shell(layout: StackLayout, settings: Settings) -> None:
    name = "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"
    assert environment(layout, settings)[name] == "0.2"
    assert environment(layout, settings, **{name: "1"})[name] == "1"


def test_what_makes_it_one_stack_does_not(layout: StackLayout, settings: Settings) -> None:
    found = environment(layout, settings, AIRFLOW__API__PORT="1", AIRFLOW_HOME="/elsewhere", AIRFLOW__API__HOST="0.0.0.0")
    assert found["AIRFLOW__API__PORT"] == "18080"
    assert found["AIRFLOW_HOME"] == str(layout.airflow_home)
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_every_address_is_handed_on_resolved(layout: StackLayout, settings: Settings) -> None:
    found = environment(layout, settings, EVERGREEN_HOME="relative", EVERGREEN_AIRFLOW_PORT="1")
    assert found["EVERGREEN_HOME"] == str(settings.home)
    assert found["EVERGREEN_MLFLOW_UI_URL"] == "http://127.0.0.1:18081"
    for name in Settings.model_fields:
        assert f"EVERGREEN_{name.upper()}" in found


def test_bytecode_is_written_and_nobody_phones_home(layout: StackLayout, settings: Settings) -> None:
    found = environment(layout, settings, PYTHONDONTWRITEBYTECODE="1")
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert (found["MLFLOW_DISABLE_TELEMETRY"], found["GX_ANALYTICS_ENABLED"], found["DO_NOT_TRACK"]) == (
        "true",
        "false",
        "true",
    )


def test_loopback_goes_through_no_proxy(layout: StackLayout, settings: Settings) -> None:
    assert environment(layout, settings, no_proxy="example.org")["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_own_programs_come_first(layout: StackLayout, settings: Settings) -> None:
    assert environment(layout, settings)["PATH"].endswith(f"{os.pathsep}/bin")


def test_secrets_stay_are_long_enough_and_belong_to_their_owner_alone(layout: StackLayout) -> None:
    secrets = load_or_make_secrets(layout)
    assert load_or_make_secrets(layout) == secrets
    assert len(secrets.jwt_secret) >= 64
    assert layout.secrets_path.stat().st_mode & 0o777 == 0o600
    assert json.loads(layout.passwords_path.read_text()) == {"admin": secrets.admin_password}


def test_two_stacks_share_no_secret(layout: StackLayout, tmp_path: Path) -> None:
    other = StackLayout(tmp_path / "other", tmp_path)
    assert load_or_make_secrets(layout).jwt_secret != load_or_make_secrets(other).jwt_secret


@pytest.mark.parametrize(
    ("uri", "runs"), [("", True), ("postgresql://db/mlflow", True), ("http://mlflow:5000", False), ("https://mlflow", False)]
)
def test_mlflow_is_left_out_when_it_is_elsewhere(layout: StackLayout, tmp_path: Path, uri: str, runs: bool) -> None:
    settings = Settings(home=tmp_path, mlflow_tracking_uri=uri)
    assert runs_mlflow(settings) is runs
    assert ("mlflow" in {component.name for component in stack_components(layout, settings)}) is runs


def test_airflow_waits_for_its_database(layout: StackLayout, settings: Settings) -> None:
    after = {component.name: component.after for component in stack_components(layout, settings)}
    assert {name for name, first in after.items() if first == "airflow-database"} == {
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
    }
