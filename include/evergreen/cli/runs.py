"""`evergreen run`: a model's DAG in this process, without a scheduler."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import show_error, standard_error, standard_output
from evergreen.cli.outcome import show_night, show_scored, show_training
from evergreen.cli.progress import TaskProgress, task_name
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from evergreen.connect.in_process import RunOutcome, TaskEvent

PANEL = "Run and release"

AsOf = Annotated[
    str,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help="The moment the run pretends it is: a date (its nightly moment in the model's time zone) or "
        "2013-04-01T07:00:00+00:00. Nothing that became available later is read.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Do the work again even where it is already done.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept with the run.")]

run_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(run_app, name="run", rich_help_panel=PANEL)


@run_app.callback()
def run() -> None:
    """Run a model's DAG in this process: the same tasks in the same order, no scheduler, no server."""


@run_app.command()
def training(
    model: ModelArgument,
    as_of: AsOf,
    window: Annotated[
        str | None, typer.Option(metavar="SPAN", help="History to learn from, such as 90d, or all. Default: as defined.")
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="What to train, separated by commas. Default: as defined; the baseline always is."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Hyper-parameter trials per candidate. Default: as defined.")
    ] = None,
    force: Force = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop after the gate: decide and record, release nothing.")
    ] = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve of a release beforehand, where the model's definition wants a person to.")
    ] = False,
    skip_trial: Annotated[
        bool,
        typer.Option("--skip-trial", help="Release without the trial on live requests that the model's definition asks for."),
    ] = False,
    decision: Annotated[
        str | None, typer.Option(metavar="ID", help="The decision of monitoring that this training answers.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Train, judge and perhaps release.

    A second run of the same as-of finds its work done.

    Example: evergreen run training flight_delays --as-of 2013-04-01 --trials 5
    """
    asked = {
        "window": window,
        "candidates": [name.strip() for name in candidates.split(",")] if candidates else None,
        "trials": trials,
        "dry_run": dry_run or None,
        "decision": decision,
    }
    conf = {**asked, "as_of": as_of, "force": force, "reason": reason}
    outcome = _run(model, "training", conf, approve=approve, skip_trial=skip_trial)
    show_training(standard_output(), outcome.returned)


@run_app.command()
def scoring(model: ModelArgument, as_of: AsOf, force: Force = False, reason: Reason = None) -> None:
    """Score the newest complete day with the champion.

    Example: evergreen run scoring flight_delays --as-of 2013-04-02
    """
    outcome = _run(model, "scoring", {"as_of": as_of, "force": force, "reason": reason})
    show_scored(standard_output(), outcome.returned)


@run_app.command()
def monitoring(model: ModelArgument, as_of: AsOf, force: Force = False, reason: Reason = None) -> None:
    """Watch the champion for one night, and decide whether a training would help.

    What is decided is recorded. A training that it asks for is not run here: a scheduler's next sweep starts it, or you do.

    Example: evergreen run monitoring flight_delays --as-of 2013-04-02
    """
    outcome = _run(model, "monitoring", {"as_of": as_of, "force": force, "reason": reason})
    show_night(standard_output(), outcome.returned)


def _run(model: str, kind: str, asked: dict[str, Any], *, approve: bool = False, skip_trial: bool = False) -> RunOutcome:
    settings = read_settings()
    find_definition(model, settings)
    from evergreen.connect.in_process import prepare_environment, run_dag

    console = standard_output()
    console.print(f"{model}.{kind} as of {asked['as_of']}", style="bold")
    prepare_environment(settings, quiet=True)
    conf = {name: value for name, value in asked.items() if value is not None}
    with TaskProgress(console) as progress:
        outcome = run_dag(f"{model}.{kind}", conf, approve=approve, skip_trial=skip_trial, on_event=_Clock(progress).hear)
    if not outcome.succeeded:
        _fail(outcome)
    return outcome


def _fail(outcome: RunOutcome) -> None:
    for error in outcome.errors[:1]:
        if isinstance(error, EvergreenError):
            show_error(error)
        else:
            standard_error().print(f"error: {type(error).__name__}: {error}", markup=False)
    failed = [task.task_id for task in outcome.tasks if task.state == "failed"]
    standard_error().print(
        f"the run ended {outcome.state}; failed: {', '.join(failed) or 'nothing'}; nothing was released by it"
    )
    raise typer.Exit(1)


class _Clock:
    """Turns the events of a run in this process into progress."""

    def __init__(self, progress: TaskProgress) -> None:
        self._progress = progress
        self._began: dict[str, float] = {}

    def hear(self, event: TaskEvent) -> None:
        name = task_name(event.task_id, event.map_index, event.label)
        if event.what == "running":
            self._began[name] = time.monotonic()
        else:
            began = self._began.pop(name, None)
            self._progress.ended(name, event.what, None if began is None else time.monotonic() - began)
        self._progress.running(self._began)
