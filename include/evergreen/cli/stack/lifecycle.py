"""Start the stack and wait for it; stop just what was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.cli.stack.components import runs_mlflow, stack_components
from evergreen.cli.stack.environment import stack_environment
from evergreen.cli.stack.health import loopback_session, stack_problems, warm_up_airflow
from evergreen.cli.stack.ports import require_free_port
from evergreen.cli.stack.processes import stop_sessions
from evergreen.cli.stack.record import StackRecord, read_record
from evergreen.cli.stack.secrets import StackSecrets, load_or_make_secrets
from evergreen.cli.stack.supervisor import ALREADY_RUNNING, DETACH, STOP_LIMIT_SECONDS, Plan
from evergreen.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.cli.stack.layout import StackLayout
    from evergreen.settings import Settings

START_LIMIT_SECONDS = 240.0
_POLL_SECONDS = 0.5
_LAST_LINES = 15
_RECORD_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class RunningStack:
    """A stack that is healthy."""

    layout: StackLayout
    secrets: StackSecrets
    mlflow_url: str
    newly_started: bool


def start_stack(
    layout: StackLayout,
    settings: Settings,
    *,
    report: Callable[[dict[str, str]], None],
    limit_seconds: float = START_LIMIT_SECONDS,
) -> RunningStack:
    """Start the stack unless it runs already, and wait until every part is healthy.

    Args:
        layout: Ports and files.
        settings: Addresses of the stores.
        report: Called about twice a second with what is not healthy yet, by part.
        limit_seconds: Longest wait; a stack that is not healthy by then is stopped again.

    Raises:
        StackError: A port is taken, a stack runs on other ports, or a part does not start.
    """
    running = find_running(layout)
    if running is None:
        _clear_leftovers(layout)
        _require_free_ports(layout, settings)
    else:
        _require_same_ports(running, layout)
    secrets = load_or_make_secrets(layout)
    try:
        if running is None:
            _launch_supervisor(layout, settings, secrets)
        record = _wait_until_healthy(layout, settings, report, limit_seconds)
    except BaseException:
        if running is None:
            stop_stack(layout)
        raise
    return RunningStack(layout, secrets, settings.mlflow_ui_url or record.mlflow_url, running is None)


def stop_stack(layout: StackLayout) -> bool:
    """Stop what `start_stack` started, and nothing else; return whether there was anything to stop.

    Raises:
        StackError: A process outlived KILL.
    """
    record = read_record(layout.record_path)
    if record is None:
        return False
    if record.supervisor.is_alive():
        with suppress(ProcessLookupError):
            os.kill(record.supervisor.pid, signal.SIGTERM)
        _wait_for_end(record, 3 * STOP_LIMIT_SECONDS)
    _clear_leftovers(layout)
    return True


def find_running(layout: StackLayout) -> StackRecord | None:
    """Return the record of the stack if its supervisor lives."""
    record = read_record(layout.record_path)
    return record if record and record.supervisor.is_alive() else None


def last_lines(log: str, count: int = _LAST_LINES) -> str:
    """Return the end of a log file."""
    with suppress(OSError):
        return "\n".join(Path(log).read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    return ""


def _clear_leftovers(layout: StackLayout) -> None:
    """Stop what a supervisor that was killed has left behind."""
    record = read_record(layout.record_path)
    if record is None:
        return
    # The newest record may name more than the one read before the supervisor ended.
    leaders = [*record.leaders(), *([record.supervisor] if record.supervisor.is_alive() else [])]
    stop_sessions(leaders, layout.working_dir, limit_seconds=STOP_LIMIT_SECONDS)
    alive = [leader for leader in leaders if leader.is_alive()]
    if alive:
        raise StackError(
            "some processes of the stack do not end",
            found=", ".join(f"{leader.pid} ({' '.join(leader.command)[:80]})" for leader in alive[:10]),
            allowed="that they end on TERM or KILL",
            remedy="look at these processes with ps; one in state D waits for a disk or a network mount",
        )
    layout.record_path.unlink(missing_ok=True)


def _wait_for_end(record: StackRecord, limit_seconds: float) -> None:
    # Not psutil's own waiting: where nobody reaps orphans, a supervisor that has ended stays as a zombie.
    deadline = time.monotonic() + limit_seconds
    while record.supervisor.is_alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS / 10)


def _require_free_ports(layout: StackLayout, settings: Settings) -> None:
    require_free_port(layout.airflow_port, "Airflow", "--airflow-port or EVERGREEN_AIRFLOW_PORT")
    require_free_port(layout.gateway_port, "the gateway", "--gateway-port or EVERGREEN_GATEWAY_PORT")
    if runs_mlflow(settings):
        require_free_port(layout.mlflow_port, "MLflow", "--mlflow-port or EVERGREEN_MLFLOW_PORT")


def _require_same_ports(running: StackRecord, layout: StackLayout) -> None:
    ports = (layout.airflow_port, layout.mlflow_port, layout.gateway_port)
    if (running.airflow_port, running.mlflow_port, running.gateway_port) == ports:
        return
    raise StackError(
        f"a stack already runs for {layout.home}, on other ports",
        found=f"Airflow at {running.airflow_url}, MLflow at {running.mlflow_url}, the gateway at {running.gateway_url}",
        allowed="one stack per home folder",
        remedy="use that one, stop it with `evergreen down`, or set EVERGREEN_HOME to another folder for a second stack",
    )


def _launch_supervisor(layout: StackLayout, settings: Settings, secrets: StackSecrets) -> None:
    for folder in (layout.logs_dir, layout.working_dir):
        folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        record_path=str(layout.record_path),
        lock_path=str(layout.lock_path),
        logs_dir=str(layout.logs_dir),
        working_dir=str(layout.working_dir),
        airflow_url=layout.airflow_url,
        mlflow_url=layout.mlflow_url,
        components=stack_components(layout, settings),
        gateway_url=layout.gateway_url,
    )
    with (layout.logs_dir / "supervisor.log").open("ab") as log:
        started = subprocess.run(
            (sys.executable, "-m", "evergreen.cli.stack.supervisor", DETACH),
            input=plan.to_json().encode(),  # through a pipe: nothing of it shows in the process list
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=layout.working_dir,
            env=stack_environment(layout, settings, secrets, os.environ),
            check=False,
        )
    if started.returncode == ALREADY_RUNNING:
        raise _busy(layout)
    if started.returncode or not _appears(layout.record_path):
        raise _no_supervisor(layout, started.returncode)


def _appears(path: Path) -> bool:
    deadline = time.monotonic() + _RECORD_LIMIT_SECONDS
    while read_record(path) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS / 5)
    return True


def _busy(layout: StackLayout) -> StackError:
    return StackError(
        f"a stack is being started or stopped for {layout.home} just now",
        found=f"another process holds {layout.lock_path}",
        allowed="one `evergreen up` or `down` at a time",
        remedy="wait until it has finished, then run the command again",
    )


def _no_supervisor(layout: StackLayout, code: int) -> StackError:
    log = layout.logs_dir / "supervisor.log"
    return StackError(
        "the stack's supervisor did not start",
        found=f"exit code {code}; {last_lines(str(log), 3) or 'an empty log'}",
        allowed="a supervisor that stays",
        remedy=f"read {log}",
    )


def _wait_until_healthy(
    layout: StackLayout, settings: Settings, report: Callable[[dict[str, str]], None], limit_seconds: float
) -> StackRecord:
    session = loopback_session()
    deadline = time.monotonic() + limit_seconds
    while True:
        record = find_running(layout)
        if record is None:
            raise _ended(layout)
        _require_none_failed(record)
        problems = stack_problems(record, session, with_mlflow=runs_mlflow(settings))
        report(problems)
        if not problems:
            warm_up_airflow(record.airflow_url, session)
            return record
        if time.monotonic() >= deadline:
            raise _too_slow(layout, problems, limit_seconds)
        time.sleep(_POLL_SECONDS)


def _require_none_failed(record: StackRecord) -> None:
    for name, component in record.failed().items():
        raise StackError(
            f"{name} does not start",
            found=f"{component.detail}; the end of its log:\n{last_lines(component.log)}",
            allowed="a component that starts and stays",
            remedy=f"read {component.log}, mend the cause and run `evergreen up` again",
        )


def _ended(layout: StackLayout) -> StackError:
    log = layout.logs_dir / "supervisor.log"
    return StackError(
        "the stack ended while it was starting",
        found=last_lines(str(log), 3) or "nothing in its log",
        allowed="a stack that stays until `evergreen down`",
        remedy=f"read {log}; if nobody stopped it, run `evergreen up` again",
    )


def _too_slow(layout: StackLayout, problems: dict[str, str], limit_seconds: float) -> StackError:
    return StackError(
        f"the stack was not healthy after {limit_seconds:.0f} s",
        found="; ".join(f"{part}: {state}" for part, state in problems.items()),
        allowed="every part healthy",
        remedy=f"read the logs in {layout.logs_dir}; on a busy machine give it longer with --wait-seconds",
    )
