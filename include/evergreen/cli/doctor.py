"""What could keep Evergreen from working on this machine, looked at one thing at a time."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evergreen.errors import EvergreenError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evergreen.cli.stack.layout import StackLayout
    from evergreen.registry.erasures import Erasure
    from evergreen.settings import Settings

Severity = Literal["good", "warn", "bad"]
_MIN_FREE_GB = 2.0
_MIN_MEMORY_GB = 3.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    severity: Severity
    subject: str
    observation: str
    advice: str = ""

    @property
    def mark(self) -> str:
        """One character for the severity."""
        return {"good": "✓", "warn": "!", "bad": "✗"}[self.severity]


def examine(settings: Settings, layout: StackLayout) -> list[Finding]:
    """Look at everything; an error of one look is a finding, not the end."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        lambda: _packages(layout.project_root / "requirements.lock"),
        lambda: _home(settings.home),
        _memory,
        lambda: _definitions(settings),
        lambda: _landing(settings),
        lambda: _database(settings),
        lambda: _topics(settings, layout),
        lambda: _alerts(settings),
        lambda: _erasures(settings, layout),
        lambda: _stack(layout),
    )
    return [finding for look in looks for finding in _guarded(look)]


def _guarded(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except EvergreenError as error:
        return [Finding("bad", "error", f"{error.what}: {error.found}", error.remedy)]
    except Exception as error:  # a look that breaks is itself a finding
        return [Finding("bad", "error", f"{type(error).__name__}: {error}", "run `evergreen --debug doctor`")]


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] == (3, 11)
    yield Finding("good" if good else "bad", "python", f"{version} at {sys.executable}", "" if good else "use Python 3.11")


def _packages(lock: Path) -> Iterator[Finding]:
    if not lock.is_file():
        yield Finding("warn", "packages", f"no {lock.name} beside the package: versions not compared")
        return
    pinned = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    differing = [
        f"{name} {found or 'missing'} (lock: {wanted})" for name, wanted, found in _installed(pinned) if found != wanted
    ]
    if differing:
        more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
        yield Finding("bad", "packages", f"differ from {lock.name}: {', '.join(differing[:5])}{more}", "run `make setup`")
    else:
        yield Finding("good", "packages", f"{len(pinned)} as {lock.name} says")


def _installed(pinned: dict[str, str]) -> Iterator[tuple[str, str, str | None]]:
    from importlib.metadata import PackageNotFoundError, version

    for name, wanted in pinned.items():
        try:
            yield name, wanted, version(name)
        except PackageNotFoundError:
            yield name, wanted, None


def _home(home: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        yield Finding("bad", "home", f"{home} is not writable", "set EVERGREEN_HOME to a folder of yours")
        return
    free = shutil.disk_usage(existing).free / 1e9
    enough = free >= _MIN_FREE_GB
    advice = "" if enough else f"free {_MIN_FREE_GB:.0f} GB, or set EVERGREEN_HOME to a folder on another disk"
    yield Finding("good" if enough else "warn", "home", f"{home}, {free:.1f} GB free", advice)


def _memory() -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available / 1e9
    enough = free >= _MIN_MEMORY_GB
    advice = "" if enough else "the stack takes about 1.3 GB and a training another 1 GB: close something"
    yield Finding("good" if enough else "warn", "memory", f"{free:.1f} GB available, {os.cpu_count()} cores", advice)


def _definitions(settings: Settings) -> Iterator[Finding]:
    from evergreen.cli.arguments import model_names
    from evergreen.definitions import load_definition

    names = model_names(settings.definitions_dir)
    if not names:
        yield Finding("bad", "definitions", f"none in {settings.definitions_dir}", "write one: docs/guides/your-first-model.md")
    for name in names:
        try:
            load_definition(settings.definitions_dir / name)
        except EvergreenError as error:
            yield Finding("bad", "definitions", f"{name}: {error.what}", f"run `evergreen check {name}`")
        else:
            yield Finding("good", "definitions", name)


def _landing(settings: Settings) -> Iterator[Finding]:
    from evergreen.cli.arguments import model_names
    from evergreen.files import Files, join_uri

    files = Files.from_settings(settings)
    for name in model_names(settings.definitions_dir):
        count = len(files.list(join_uri(settings.landing_uri, name)))
        advice = "" if count else f"put files there, or run `evergreen seed {name}`"
        yield Finding("good" if count else "warn", "landing", f"{count} files in {settings.landing_uri}/{name}", advice)


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy import create_engine, make_url, text

    from evergreen.settings import shown_address

    url = make_url(settings.database_url)
    shown = shown_address(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        yield Finding("good", "database", f"{shown}, not made yet")
        return
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()
    yield Finding("good", "database", shown)


def _topics(settings: Settings, layout: StackLayout) -> Iterator[Finding]:
    """Ask for every SNS topic that a definition's alerts go to; nothing is published."""
    from evergreen.definitions import read_definitions

    named = {
        (way.connection or "aws_default", topic)
        for definition in read_definitions(settings.definitions_dir).sound.values()
        for way in definition.alerts.notify
        if way.channel == "sns"
        for topic in way.to
    }
    if not named:
        return
    os.environ.setdefault("AIRFLOW_HOME", str(layout.airflow_home))  # else Airflow makes one in the home directory
    from evergreen.connect.alerts.topic import topic_problem

    for connection_id, topic in sorted(named):
        problem = topic_problem(connection_id, topic)
        if problem is None:
            yield Finding("good", "topic", topic)
        elif problem.startswith("AuthorizationError"):
            yield Finding("warn", "topic", f"{topic}: {problem}", "allow sns:GetTopicAttributes, or publish once to be sure")
        else:
            advice = (
                f"check the topic, and the connection {connection_id} as Airflow sees it (AIRFLOW_CONN_{connection_id.upper()})"
            )
            yield Finding("bad", "topic", f"{topic}: {problem}", advice)


def _alerts(settings: Settings) -> Iterator[Finding]:
    from evergreen.registry.alerts import AlertStore
    from evergreen.registry.database import Database

    if not Database(settings.database_url).exists:
        return
    waiting = AlertStore(settings.database_url).waiting()
    if not waiting:
        yield Finding("good", "alerts", "none waits to be delivered")
        return
    oldest = waiting[0]
    why = f"{oldest.error or 'its sender was killed'} at attempt {oldest.attempt}"
    advice = "every `evergreen.sweep` tries again; check the connection of `alerts.notify` in model.yaml"
    yield Finding("warn", "alerts", f"{len(waiting)} not delivered; the oldest: {oldest.subject} ({why})", advice)


def _erasures(settings: Settings, layout: StackLayout) -> Iterator[Finding]:
    """Where somebody was erased, ask for the key it was done with: here, and in the stack that runs."""
    from evergreen.cli.stack.lifecycle import find_running
    from evergreen.registry.erasures import ErasureStore

    erasures = ErasureStore(settings.database_url).of_every_model()
    if not erasures:
        return
    models = ", ".join(sorted({erasure.model for erasure in erasures}))
    made = f"{len(erasures)} of {models}, made with the EVERGREEN_HASH_KEY"
    yield _key_of(erasures, settings, f"{made} of this environment")
    record = find_running(layout)
    key = _variable_of(record.supervisor.pid, "EVERGREEN_HASH_KEY") if record else None
    if key is None:
        return
    finding = _key_of(erasures, settings.model_copy(update={"hash_key": key}), f"{made} of the stack that runs")
    if finding.severity == "bad":
        advice = "run `evergreen down`, then `evergreen up` with the key the erasures were made with in its environment"
        finding = Finding("bad", finding.subject, f"the stack that runs: {finding.observation}", advice)
    yield finding


def _key_of(erasures: Sequence[Erasure], settings: Settings, good: str) -> Finding:
    from evergreen.erasure.standing import hasher_of

    try:
        hasher_of(settings, erasures[0].model, erasures)
    except SettingsError as error:
        return Finding("bad", "erasures", f"{error.what}: {error.found}", error.remedy)
    return Finding("good", "erasures", good)


def _variable_of(pid: int, name: str) -> str | None:
    """Return a variable of another process, empty where it has none, or None where nobody may look."""
    import psutil

    try:
        return psutil.Process(pid).environ().get(name, "")
    except psutil.Error:
        return None


def _stack(layout: StackLayout) -> Iterator[Finding]:
    from evergreen.cli.stack.health import loopback_session, stack_problems
    from evergreen.cli.stack.lifecycle import find_running
    from evergreen.cli.stack.record import read_record

    record = find_running(layout)
    if record is None:
        if read_record(layout.record_path):
            yield Finding("bad", "stack", "its supervisor was killed", "run `evergreen down`, then `evergreen up`")
        else:
            yield Finding("good", "stack", "not running")
        return
    for name, component in record.components.items():
        if component.state in ("failed", "backing off"):
            yield Finding("bad", "stack", f"{name}: {component.detail}", f"read {component.log}")
    problems = stack_problems(record, loopback_session(), with_mlflow="mlflow" in record.components)
    for part, state in problems.items():
        yield Finding("bad", "stack", f"{part}: {state}", f"read the logs in {layout.logs_dir}")
    if not problems:
        addresses = f"Airflow {record.airflow_url}, MLflow {record.mlflow_url}, gateway {record.gateway_url}"
        yield Finding("good", "stack", f"healthy: {addresses}")
