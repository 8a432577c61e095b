"""The same DAG in this process: no scheduler, no server; for trying out, for tests and for one-off runs."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.connect.approval_request import TASK_ID as APPROVAL
from evergreen.connect.run import require_known
from evergreen.errors import RequestError
from evergreen.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evergreen.settings import Settings


@dataclass(frozen=True)
class TaskOutcome:
    """How one task ended."""

    task_id: str
    map_index: int
    state: str
    seconds: float


@dataclass(frozen=True)
class TaskEvent:
    """Something a task just did: `running`, `success`, `failed` or `skipped`."""

    task_id: str
    map_index: int
    what: str
    error: BaseException | None = None
    label: str | None = None
    """What a mapped task is about, such as the candidate it trains."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, with what each task returned."""

    run_id: str
    state: str
    errors: tuple[BaseException, ...]
    """What made tasks fail, in the order in which they did."""
    tasks: tuple[TaskOutcome, ...]
    returned: Mapping[str, Any]
    """Per task id; a list in map order for a mapped task."""

    @property
    def succeeded(self) -> bool:
        """Whether every task that had to succeed did."""
        return self.state == "success"


def prepare_environment(settings: Settings, *, quiet: bool = False) -> None:
    """Point Airflow at a database of its own under `<home>`; call before anything imports airflow.

    Args:
        settings: Handed to every task through the environment.
        quiet: Leave the tracebacks of failed tasks out of the log; the outcome carries the errors.

    The database is not the one of `evergreen up`: its scheduler would pick up the run as well.
    """
    home = settings.home / "airflow-in-process"
    home.mkdir(parents=True, exist_ok=True)
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
    }
    defaults = {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL" if quiet else "WARNING",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
    }
    os.environ.update(own)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # Every task of the run must see the addresses that this process was given.
    for name, value in settings.model_dump(mode="json").items():
        os.environ[f"EVERGREEN_{name.upper()}"] = str(value)


def run_dag(
    dag_id: str,
    conf: Mapping[str, Any],
    *,
    approve: bool = False,
    skip_trial: bool = False,
    on_event: Callable[[TaskEvent], None] | None = None,
) -> RunOutcome:
    """Run one DAG to its end.

    Args:
        dag_id: Such as `flight_delays.training`.
        conf: Run parameters, checked against the DAG's form.
        approve: Whether whoever runs it approves of a release; a model whose releases need it is not run without.
        skip_trial: Release a challenger untried; a model that tries challengers out is not run without, once it has a champion.
        on_event: Called as tasks start and end, to show progress.

    Raises:
        RequestError: There is no such DAG, or a parameter is not allowed.
    """
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    dag = bag.dags.get(dag_id)
    if dag is None:
        raise RequestError(
            "there is no such DAG",
            found=dag_id,
            allowed=", ".join(sorted(bag.dags)) or "none: no definition could be read",
            remedy="run `evergreen check` to see whether the definition is broken",
        )
    require_known(conf, dag.params)
    left_out = [] if conf.get("dry_run") else _tasks_to_leave_out(dag, approve=approve, skip_trial=skip_trial)
    # Deadlines are looked at by a scheduler, and there is none; Airflow cannot end a run that has one and was never stored.
    dag.deadline = None
    errors: list[BaseException] = []

    def hear(event: TaskEvent) -> None:
        if event.error is not None:
            errors.append(event.error)
        if on_event is not None:
            on_event(event)

    try:
        with _listening(hear):
            pattern = f"^({'|'.join(re.escape(name) for name in left_out)})$" if left_out else None
            dag_run = dag.test(logical_date=None, run_conf=dict(conf), mark_success_pattern=pattern)
    except ParamValidationError as error:
        raise _not_allowed(dag, conf, str(error)) from error
    return _outcome_of(dag, dag_run, tuple(errors))


def _not_allowed(dag: Any, conf: Mapping[str, Any], said: str) -> RequestError:
    """Say in the form's own words which parameter it does not take; Airflow says a pattern."""
    named = re.search(r"for param (\w+):", said)
    name = named[1] if named and named[1] in conf else ""
    return RequestError(
        "a run parameter is not allowed",
        found=f"{name}={conf[name]!r}" if name else said.partition("\n")[0],
        allowed=dag.params.get_param(name).description if name else "what the DAG's form allows",
        remedy="correct it; the DAG's form in Airflow explains each field, for trainings `evergreen run training --help` does",
    )


def _tasks_to_leave_out(dag: Any, *, approve: bool, skip_trial: bool) -> list[str]:
    """Return the tasks that cannot be run here and need not be: what they are for was settled beforehand.

    Raises:
        RequestError: It was not.
    """
    from evergreen.connect.rollout import TrialStep

    asks = dag.has_task(APPROVAL)
    if asks and not approve:
        raise RequestError(
            "a release of this model needs a person's answer, and nobody can be asked here",
            found="`release.approval` in model.yaml, and a run in this process",
            allowed="a run in Airflow, where the question is asked; one that is approved beforehand; or a dry run",
            remedy="trigger it in Airflow, or add --approve or --dry-run",
        )
    steps = [task.task_id for task in dag.tasks if isinstance(task, TrialStep)]
    if steps and not skip_trial and _has_champion(dag.dag_id.partition(".")[0]):
        raise RequestError(
            "a challenger of this model is tried out on live requests, and nobody can wait for them here",
            found=f"`release.rollout` in model.yaml with the steps {', '.join(steps)}, and a run in this process",
            allowed="a run in Airflow, where the steps are watched; one that releases without a trial; or a dry run",
            remedy="trigger it in Airflow, or add --skip-trial or --dry-run",
        )
    return [*([APPROVAL] if asks else []), *(steps if skip_trial else [])]


def _has_champion(model: str) -> bool:
    from evergreen.registry.releases import ReleaseRegistry
    from evergreen.settings import Settings

    return ReleaseRegistry(Settings()).champion(model) is not None


@contextmanager
def _listening(hear: Callable[[TaskEvent], None]) -> Iterator[None]:
    """Tell of every task's start and end while the block runs."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    def event(task_instance: Any, what: str, error: BaseException | None = None) -> TaskEvent:
        label = getattr(task_instance, "rendered_map_index", None)
        return TaskEvent(task_instance.task_id, task_instance.map_index, what, error, label)

    class Listener:
        @hookimpl
        def on_task_instance_running(self, previous_state: object, task_instance: Any) -> None:
            hear(event(task_instance, "running"))

        @hookimpl
        def on_task_instance_success(self, previous_state: object, task_instance: Any) -> None:
            hear(event(task_instance, "success"))

        @hookimpl
        def on_task_instance_skipped(self, previous_state: object, task_instance: Any) -> None:
            hear(event(task_instance, "skipped"))

        @hookimpl
        def on_task_instance_failed(self, previous_state: object, task_instance: Any, error: BaseException | None) -> None:
            hear(event(task_instance, "failed", error))

    listener, manager = Listener(), get_listener_manager()
    manager.add_listener(listener)
    try:
        yield
    finally:
        manager.pm.unregister(listener)


def _outcome_of(dag: Any, dag_run: Any, errors: tuple[BaseException, ...]) -> RunOutcome:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    order = {node.node_id: position for position, node in enumerate(dag.task_group.topological_sort())}
    instances = sorted(dag_run.get_task_instances(), key=lambda ti: (order.get(ti.task_id, len(order)), ti.map_index))
    tasks = tuple(TaskOutcome(ti.task_id, ti.map_index, str(ti.state), float(ti.duration or 0.0)) for ti in instances)
    returned: dict[str, Any] = {}
    with create_session() as session:
        query = XComModel.get_many(run_id=dag_run.run_id, dag_ids=dag_run.dag_id, key="return_value")
        for row in sorted(session.scalars(query), key=lambda row: (row.task_id, row.map_index)):
            value = XComModel.deserialize_value(row)
            if row.map_index >= 0:
                returned.setdefault(row.task_id, []).append(value)
            else:
                returned[row.task_id] = value
    return RunOutcome(dag_run.run_id, str(dag_run.state), errors, tasks, returned)
