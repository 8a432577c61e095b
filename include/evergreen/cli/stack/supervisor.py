"""Keeps the components running: `python -m evergreen.cli.stack.supervisor`, its plan on standard input.

Each component gets a session and a log file of its own. One that ends is started again after 1, 2, 4 … seconds; one that
ends six times within ten minutes is given up, and the record says so. TERM stops everything the supervisor has started.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from evergreen.cli.stack.components import Component
from evergreen.cli.stack.processes import ProcessIdentity, stop_sessions
from evergreen.cli.stack.record import ComponentRecord, StackRecord

MAX_ENDS = 6
WINDOW_SECONDS = 600.0
LONGEST_WAIT_SECONDS = 16.0
STOP_LIMIT_SECONDS = 15.0
LONGEST_LOG_BYTES = 20_000_000
"""A longer log is put aside when its component starts; one older log is kept."""
_TICK_SECONDS = 0.2
ALREADY_RUNNING = 3
"""Exit code when another supervisor holds the lock."""
DETACH = "--detach"


@dataclass(frozen=True)
class Plan:
    """What to run, from whoever starts the supervisor."""

    record_path: str
    lock_path: str
    logs_dir: str
    working_dir: str
    airflow_url: str
    mlflow_url: str
    components: tuple[Component, ...]
    gateway_url: str = ""

    def to_json(self) -> str:
        """Return the plan as one JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Restore a plan."""
        value: dict[str, Any] = json.loads(text)
        components = tuple(Component(**{**part, "command": tuple(part["command"])}) for part in value.pop("components"))
        return cls(**value, components=components)


def back_off_seconds(ends: int) -> float:
    """Return how long to wait before the next start, after `ends` ends in a row."""
    return min(float(2 ** (ends - 1)), LONGEST_WAIT_SECONDS)


class _Kept:
    """One component and what became of it so far."""

    def __init__(self, component: Component, plan: Plan, record: ComponentRecord) -> None:
        self.component = component
        self.record = record
        self._working_dir = Path(plan.working_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: deque[float] = deque()
        self._not_before = 0.0

    def tick(self, may_start: bool, now: float) -> bool:
        """Start or reap as needed; return whether anything changed."""
        if self._process is not None:
            return self._reap(now)
        if self.record.state in ("done", "failed") or not may_start or now < self._not_before:
            return False
        self._start()
        return True

    def _start(self) -> None:
        path = Path(self.record.log)
        if path.is_file() and path.stat().st_size > LONGEST_LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        with path.open("ab") as log:
            self._process = subprocess.Popen(
                self.component.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._working_dir,
                start_new_session=True,
            )
        self.record.process = ProcessIdentity.of(self._process.pid, self.component.command)
        self.record.state = "running"
        self.record.detail = ""

    def _reap(self, now: float) -> bool:
        process = self._process
        if process is None or process.poll() is None:
            return False
        self._process = None
        if self.record.process:  # children of a leader that crashed may still hold its port
            stop_sessions([self.record.process], self._working_dir, limit_seconds=2.0)
        self.record.process = None
        if self.component.one_off:
            self._end_one_off(process.returncode)
        else:
            self._end(process.returncode, now)
        return True

    def _end_one_off(self, code: int) -> None:
        self.record.state = "failed" if code else "done"
        self.record.detail = f"ended with exit code {code}" if code else ""

    def _end(self, code: int, now: float) -> None:
        self._ends.append(now)
        while self._ends[0] < now - WINDOW_SECONDS:
            self._ends.popleft()
        if len(self._ends) >= MAX_ENDS:
            self.record.state = "failed"
            self.record.detail = f"given up after {MAX_ENDS} ends within ten minutes, the last with exit code {code}"
            return
        wait = back_off_seconds(len(self._ends))
        self._not_before = now + wait
        self.record.state = "backing off"
        self.record.restarts += 1
        self.record.detail = f"ended with exit code {code}; starts again after {wait:.0f} s"


class Supervisor:
    """Runs a plan until it is told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stopping = False
        self._record = StackRecord(
            supervisor=ProcessIdentity.of(os.getpid(), sys.argv),
            airflow_url=plan.airflow_url,
            mlflow_url=plan.mlflow_url,
            started=time.time(),
            gateway_url=plan.gateway_url,
        )
        self._kept: list[_Kept] = []
        for component in plan.components:
            part = ComponentRecord(log=str(Path(plan.logs_dir) / f"{component.name}.log"))
            self._record.components[component.name] = part
            self._kept.append(_Kept(component, plan, part))

    def stop(self, *_: object) -> None:
        """Ask the loop to end; fit for a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Keep every component running until `stop`, then stop them all and remove the record."""
        path = Path(self._plan.record_path)
        self._record.write(path)
        try:
            while not self._stopping:
                self._tick(path)
                time.sleep(_TICK_SECONDS)
        finally:
            stop_sessions(self._record.leaders(), Path(self._plan.working_dir), limit_seconds=STOP_LIMIT_SECONDS)
            path.unlink(missing_ok=True)

    def _tick(self, path: Path) -> None:
        for kept in self._kept:
            before = kept.record.state
            if kept.tick(self._may_start(kept.component), time.monotonic()):
                self._record.write(path)
                _say(kept.component.name, before, kept.record)

    def _may_start(self, component: Component) -> bool:
        return component.after is None or self._record.components[component.after].state == "done"


def take_lock(path: Path) -> IO[str] | None:
    """Return the locked file, or None when another supervisor holds it. The lock ends with the process, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    return stream


def main(arguments: list[str]) -> int:
    """Run the plan on standard input; with `--detach`, in a process of its own that belongs to nobody."""
    plan = Plan.from_json(sys.stdin.read())
    lock = take_lock(Path(plan.lock_path))
    if lock is None:
        return ALREADY_RUNNING
    if DETACH in arguments:
        if os.fork():  # the lock goes on in the child
            os._exit(0)
        os.setsid()
    supervisor = Supervisor(plan)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    supervisor.run()
    lock.close()
    return 0


def _say(name: str, before: str, record: ComponentRecord) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    tail = f": {record.detail}" if record.detail else ""
    sys.stdout.write(f"{moment} {name}: {before} → {record.state}{tail}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
