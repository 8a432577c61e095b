import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from evergreen.cli import main
from evergreen.errors import StackError

HEAVY = {"pandas", "numpy", "pyarrow", "mlflow", "airflow", "sqlalchemy", "requests", "psutil", "pydantic", "deltalake"}
COMMANDS = (
    "check",
    "schema",
    "seed",
    "run",
    "status",
    "decisions",
    "replay",
    "releases",
    "promote",
    "rollback",
    "pause-rollout",
    "readmit",
    "backup",
    "restore",
    "maintain",
    "up",
    "serve",
    "key",
    "down",
    "demo",
    "doctor",
)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    return CliRunner()


def failing_app(error: Exception) -> typer.Typer:
    app = typer.Typer(cls=main.EvergreenGroup, pretty_exceptions_enable=False)
    app.callback()(main.options)

    @app.command()
    def fail() -> None:
        raise error

    return app


def test_help_names_every_command(runner: CliRunner) -> None:
    result = runner.invoke(main.app, ["--help"])
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in result.output


@pytest.mark.parametrize("command", [(c,) for c in COMMANDS if c != "run"] + [("run", "training"), ("run", "scoring")])
def test_every_command_has_help(runner: CliRunner, command: tuple[str, ...]) -> None:
    result = runner.invoke(main.app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_version(runner: CliRunner) -> None:
    assert runner.invoke(main.app, ["--version"]).output.startswith("evergreen 0.")


def test_an_error_is_said_in_four_parts_without_a_traceback(runner: CliRunner) -> None:
    app = failing_app(StackError("it broke", found="[smoke]", allowed="no smoke", remedy="open a window"))
    result = runner.invoke(app, ["fail"])
    assert result.exit_code == 1
    assert result.output == "error: it broke\n  found:   [smoke]\n  allowed: no smoke\n  do:      open a window\n"


def test_debug_lets_the_error_through(runner: CliRunner) -> None:
    error = StackError("it broke", found="smoke", allowed="no smoke", remedy="open a window")
    assert runner.invoke(failing_app(error), ["--debug", "fail"]).exception is error


def test_an_unforeseen_error_names_itself_and_exits_1(runner: CliRunner) -> None:
    result = runner.invoke(failing_app(KeyError("gone")), ["fail"])
    assert result.exit_code == 1
    assert "KeyError: 'gone'" in result.output
    assert "Traceback" not in result.output


def test_wrong_usage_exits_2_and_an_unknown_model_gets_a_hint(runner: CliRunner) -> None:
    result = runner.invoke(main.app, ["seed", "fligth_delays"])
    assert result.exit_code == 2
    assert "Did you mean flight_delays?" in " ".join(result.output.replace("│", "").split())


def test_a_wrong_setting_names_its_variable(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_THREADS", "many")
    result = runner.invoke(main.app, ["check"])
    assert result.exit_code == 1
    assert "EVERGREEN_THREADS" in result.output


def test_help_is_light() -> None:
    code = (
        "import sys\nfrom evergreen.cli import main\n"
        "try:\n    main.app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.stderr.write(','.join(sorted({HEAVY!r} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1", "FORCE_COLOR": ""}, {}])
def test_output_that_nobody_watches_has_no_escape_codes(variables: dict[str, str]) -> None:
    outside = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    code = "from evergreen.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--help"], capture_output=True, env={**outside, **variables}, check=True
    )
    assert b"\x1b[" not in done.stdout
