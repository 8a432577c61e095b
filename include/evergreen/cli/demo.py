"""`evergreen demo`: New York's flights of 2013, from landing files to a retrained champion, through a real scheduler."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.cli import local
from evergreen.cli.arguments import find_definition, read_settings
from evergreen.cli.console import standard_error, standard_output
from evergreen.cli.demo_stack import DemoStack, show_where_the_command_lies
from evergreen.cli.local import AirflowPort, GatewayPort, MlflowPort  # noqa: TC001 - typer reads annotations at run time
from evergreen.cli.outcome import show_night, show_scored, show_training
from evergreen.cli.story import NightOfStory, show_story

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

MODEL = "flight_delays"
FIRST_NIGHT = date(2013, 4, 1)
WATCHED_NIGHTS = (date(2013, 4, 15), date(2013, 4, 29), date(2013, 5, 6))
"""Mondays from mid-April to early May: the answers get worse; at first a refit would be no better, then it would."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Start here")(demo)


def demo(
    airflow_port: AirflowPort = None,
    mlflow_port: MlflowPort = None,
    gateway_port: GatewayPort = None,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Go on after the first champion: watch it, and retrain when that helps.")
    ] = True,
    down: Annotated[bool, typer.Option("--down", help="Stop the stack at the end, also after an error.")] = False,
    airflow_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Play on the Airflow at this address, which runs already with the same settings."),
    ] = None,
    airflow_user: Annotated[
        str, typer.Option(metavar="NAME", help="Its user; the password is read from EVERGREEN_AIRFLOW_PASSWORD.")
    ] = "admin",
    gateway_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The gateway to ask there, with EVERGREEN_GATEWAY_KEY.")
    ] = None,
) -> None:
    """Watch Airflow keep a model of real flights evergreen: train, release, score, watch, find out why, retrain.

    Starts the stack, lets the night of 2013-04-01 train a first champion from January to March, and scores the next day with
    it. Then it watches the champion through April, where the answers get worse and a refit would not help, and into May, where
    it would: monitoring starts a training, and the gate decides. The stack keeps running, so that you can look around.

    With --airflow-url nothing is started or stopped: the story is played on a stack that runs, such as that of
    docker/compose.yaml.
    """
    settings = read_settings()
    definition = find_definition(MODEL, settings)
    if airflow_url:
        elsewhere = DemoStack.elsewhere(airflow_url, airflow_user, gateway_url, settings)
        _Story(definition, settings, elsewhere, standard_output()).tell(watch=watch)
        return
    layout = local.layout_of(settings, airflow_port, mlflow_port, gateway_port)
    try:
        stack = local.start(layout, settings)
        try:
            local.show_addresses(standard_output(), stack)  # the links that follow ask who is there
            _Story(definition, settings, DemoStack.here(stack), standard_output()).tell(watch=watch)
        except BaseException:
            if not down:
                standard_error().print("the stack keeps running: `evergreen demo` goes on from here, `evergreen down` stops it")
            raise
    finally:
        if down:
            from evergreen.cli.stack.lifecycle import stop_stack

            stop_stack(layout)
            standard_output().print("stack stopped")


class _Story:
    """The demo, chapter by chapter."""

    def __init__(self, definition: ModelDefinition, settings: Settings, stack: DemoStack, console: Console) -> None:
        self._definition = definition
        self._settings = settings
        self._stack = stack
        self._console = console
        self._api = stack.api
        self._nights: list[NightOfStory] = []

    def tell(self, *, watch: bool) -> None:
        began = time.monotonic()
        self._chapter(f"A first champion: the night of {FIRST_NIGHT}")
        self._land(through=FIRST_NIGHT)
        self._trained(self._run("training", FIRST_NIGHT))
        self._next_day(FIRST_NIGHT)
        if watch:
            self._watch()
        self._look_around(time.monotonic() - began)

    def _watch(self) -> None:
        for night in WATCHED_NIGHTS:
            if self._watched_night(night):
                self._next_day(night)
                break
        self._chapter("What was seen and decided")
        show_story(self._console, self._nights)

    def _watched_night(self, night: date) -> bool:
        """Score and watch one night; follow the training that monitoring starts, if it starts one."""
        from evergreen.files import Files

        self._chapter(f"The night of {night}: score the days since, and look at what came true")
        self._land(through=night)
        scored = self._run("scoring", night, compact=True)
        returned = self._run("monitoring", night, compact=True)
        show_night(self._console, returned)
        self._nights.append(NightOfStory.of(night, scored, returned, Files.from_settings(self._settings)))
        decided = returned["decide"]
        if not decided["starts_training"]:
            return False
        self._chapter("Monitoring starts a training; its run id is the decision's")
        self._trained(self._follow("training", decided["decision_id"]))
        return True

    def _trained(self, returned: dict[str, Any]) -> None:
        show_training(self._console, returned)
        self._links(returned)

    def _next_day(self, night: date) -> None:
        next_night = night + timedelta(days=1)
        self._chapter(f"The next night, {next_night}: the champion scores the flights of {night}")
        self._land(through=next_night)
        returned = self._run("scoring", next_night)
        show_scored(self._console, returned)
        if returned.get("score"):
            from evergreen.cli.departures import show_departures

            show_departures(self._console, self._definition, self._settings, returned["score"])
            if self._stack.gateway_url:
                self._ask_gateway(next_night, returned["score"]["release_version"])

    def _ask_gateway(self, day: date, version: str) -> None:
        from evergreen.cli.gateway_call import show_gateway_answer

        show_gateway_answer(self._console, self._stack.gateway_url, self._definition, self._settings, day, version)

    def _land(self, *, through: date) -> None:
        from evergreen.cli.seed import seed_landing

        written, _ = seed_landing(self._definition, self._settings, through=through)
        self._console.print(f"{written} files landed, through {through}")

    def _run(self, kind: str, night: date, *, compact: bool = False) -> dict[str, Any]:
        from evergreen.cli.follow import start_run

        dag_id = f"{MODEL}.{kind}"
        if kind == "monitoring":  # what it starts must not wait in a paused DAG
            self._api.unpause(f"{MODEL}.training")
        run_id = start_run(self._api, dag_id, f"demo-{night}", {"as_of": night.isoformat()})
        return self._follow(kind, run_id, compact=compact)

    def _follow(self, kind: str, run_id: str, *, compact: bool = False) -> dict[str, Any]:
        from evergreen.cli.follow import follow_run

        dag_id = f"{MODEL}.{kind}"
        self._console.print(f"{dag_id} run {run_id}: {self._stack.airflow_url}/dags/{dag_id}/runs/{run_id}")
        return follow_run(self._api, dag_id, run_id, self._console, compact=compact)

    def _links(self, returned: dict[str, Any]) -> None:
        from evergreen.connect.links import mlflow_link, report_link

        settings = self._settings.model_copy(update={"mlflow_ui_url": self._stack.mlflow_url})
        airflow = self._stack.airflow_url
        pages = {
            "validation page": airflow + report_link(returned.get("validate") or {}, settings),
            "gate report": airflow + report_link(returned.get("gate") or {}, settings),
            "MLflow run": mlflow_link(returned.get("gate") or {}, settings),
        }
        for name, link in pages.items():
            if link not in ("", airflow):
                self._console.print(f"{name + ':':<17} {link}", markup=False)

    def _look_around(self, seconds: float) -> None:
        self._chapter(f"Done in {seconds:.0f} s. Look around")
        self._stack.show_addresses(self._console)
        lines = [
            f"  evergreen status {MODEL}       the champion, its past and its days",
            f"  evergreen decisions {MODEL}    every verdict with its reasons",
            "  Airflow → Assets               how landing, features, champion and predictions hang together",
        ]
        if self._stack.gateway_url:
            lines.append(f"  {self._stack.gateway_url}/docs    what the gateway can be asked, with a request to try")
        if self._stack.started_here:
            lines.append("  evergreen down                 stop it all; the data stays in .evergreen/")
        for line in lines:
            self._console.print(line, markup=False)
        show_where_the_command_lies(self._console)

    def _chapter(self, title: str) -> None:
        self._console.print(f"\n{title}", style="bold")
