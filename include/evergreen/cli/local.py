"""`evergreen up`, `down` and `doctor`: the stack on this machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.arguments import read_settings
from evergreen.cli.console import standard_output

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.cli.stack.layout import StackLayout
    from evergreen.cli.stack.lifecycle import RunningStack
    from evergreen.settings import Settings

PANEL = "This machine"

AirflowPort = Annotated[
    int | None,
    typer.Option(envvar="EVERGREEN_AIRFLOW_PORT", min=1, max=65535, help="Port of Airflow on 127.0.0.1. Default: 8080."),
]
MlflowPort = Annotated[
    int | None,
    typer.Option(envvar="EVERGREEN_MLFLOW_PORT", min=1, max=65535, help="Port of MLflow on 127.0.0.1. Default: 8081."),
]
GatewayPort = Annotated[
    int | None,
    typer.Option(envvar="EVERGREEN_GATEWAY_PORT", min=1, max=65535, help="Port of the gateway on 127.0.0.1. Default: 8082."),
]
WaitSeconds = Annotated[float, typer.Option(min=1, help="Longest wait until every part is healthy, in seconds.")]

WAIT_SECONDS = 240.0


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(up)
    app.command(rich_help_panel=PANEL)(down)
    app.command(rich_help_panel=PANEL)(doctor)


def up(
    airflow_port: AirflowPort = None,
    mlflow_port: MlflowPort = None,
    gateway_port: GatewayPort = None,
    wait_seconds: WaitSeconds = WAIT_SECONDS,
) -> None:
    """Start Airflow, MLflow and the gateway on this machine and wait until they are healthy.

    Everything listens on 127.0.0.1 only, keeps its data and logs below EVERGREEN_HOME (.evergreen/) and is watched by a
    supervisor that starts again what crashes. A stack that runs already is left alone.

    Example: evergreen up --airflow-port 8090 --mlflow-port 8091
    """
    settings = read_settings()
    stack = start(layout_of(settings, airflow_port, mlflow_port, gateway_port), settings, wait_seconds)
    show_addresses(standard_output(), stack)


def down() -> None:
    """Stop what `evergreen up` started, and nothing else. Data stays."""
    from evergreen.cli.stack.lifecycle import stop_stack

    console = standard_output()
    stopped = stop_stack(layout_of(read_settings()))
    console.print("stopped" if stopped else "nothing was running")


def doctor() -> None:
    """Look for what could keep Evergreen from working here, and say what to do about it."""
    from evergreen.cli.doctor import examine

    console = standard_output()
    settings = read_settings()
    findings = examine(settings, layout_of(settings))
    for finding in findings:
        console.print(f"{finding.mark} {finding.subject:<16} {finding.observation}", markup=False)
        if finding.advice:
            console.print(f"  {'':<16} → {finding.advice}", markup=False)
    if any(finding.severity == "bad" for finding in findings):
        raise typer.Exit(1)


def layout_of(
    settings: Settings, airflow_port: int | None = None, mlflow_port: int | None = None, gateway_port: int | None = None
) -> StackLayout:
    """Return the layout of the stack of these settings.

    A port that is not given is the one the running stack has, else the usual one.
    """
    from evergreen.cli.stack.layout import StackLayout
    from evergreen.cli.stack.lifecycle import find_running
    from evergreen.settings import PROJECT_ROOT

    usual = StackLayout(settings.home, PROJECT_ROOT)
    running = find_running(usual)
    if running:
        usual = replace(
            usual,
            airflow_port=running.airflow_port,
            mlflow_port=running.mlflow_port,
            gateway_port=running.gateway_port or usual.gateway_port,
        )
    return replace(
        usual,
        airflow_port=airflow_port or usual.airflow_port,
        mlflow_port=mlflow_port or usual.mlflow_port,
        gateway_port=gateway_port or usual.gateway_port,
    )


def start(layout: StackLayout, settings: Settings, wait_seconds: float = WAIT_SECONDS) -> RunningStack:
    """Start the stack, show what it still waits for, and create what its DAGs need.

    Raises:
        StackError: It does not start.
    """
    from evergreen.cli.airflow_api import AirflowApi
    from evergreen.cli.stack.environment import CORES, PARALLEL_TASKS
    from evergreen.cli.stack.lifecycle import start_stack
    from evergreen.cli.stack.secrets import ADMIN

    with _Waiting(standard_output()) as waiting:
        stack = start_stack(layout, settings, report=waiting.report, limit_seconds=wait_seconds)
    api = AirflowApi(layout.airflow_url, ADMIN, stack.secrets.admin_password)
    api.ensure_pool("training", min(CORES, PARALLEL_TASKS), "Trainings at a time; a training keeps one core busy.")
    return stack


def show_addresses(console: Console, stack: RunningStack) -> None:
    """Print where to look and how to log in."""
    from evergreen.cli.stack.secrets import ADMIN

    layout = stack.layout
    console.print("running" if stack.newly_started else "already running", style="bold green")
    console.print(f"  Airflow  {layout.airflow_url}  (user {ADMIN}, password {stack.secrets.admin_password})", markup=False)
    console.print(f"  MLflow   {stack.mlflow_url}", markup=False)
    console.print(f"  gateway  {layout.gateway_url}  (docs at /docs)", markup=False)
    console.print(f"  logs     {layout.logs_dir}", markup=False)
    console.print("  stop it  evergreen down", markup=False)


class _Waiting:
    """Tells once of each part that becomes healthy."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = console.status("starting Airflow, MLflow and the gateway") if console.is_terminal else None
        self._seen: set[str] = set()
        self._ready: set[str] = set()

    def __enter__(self) -> _Waiting:
        if self._spinner:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._spinner:
            with suppress(Exception):
                self._spinner.stop()

    def report(self, problems: dict[str, str]) -> None:
        for part in sorted(self._seen - set(problems) - self._ready):
            self._ready.add(part)
            self._console.print(f"  ✓ {part.replace('_', ' ')}")
        self._seen |= set(problems)
        if self._spinner and problems:
            self._spinner.update("waiting for " + ", ".join(part.replace("_", " ") for part in problems))
