import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evergreen.cli.stack.components import Component
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.lifecycle import find_running, stop_stack
from evergreen.cli.stack.record import StackRecord, read_record
from evergreen.cli.stack.supervisor import ALREADY_RUNNING, LONGEST_WAIT_SECONDS, Plan, back_off_seconds, take_lock

SLEEPER = Component("sleeper", ("sleep", "60"))
ENDS = Component("ends", ("sh", "-c", "echo bye; exit 7"))
DEADLINE_SECONDS = 15.0


@pytest.fixture
def layout(tmp_path: Path) -> StackLayout:
    layout = StackLayout(tmp_path, tmp_path)
    layout.working_dir.mkdir()
    layout.logs_dir.mkdir()
    return layout


@pytest.fixture
def launch(layout: StackLayout) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*components: Component) -> subprocess.Popen[bytes]:
        plan = Plan(
            record_path=str(layout.record_path),
            lock_path=str(layout.lock_path),
            logs_dir=str(layout.logs_dir),
            working_dir=str(layout.working_dir),
            airflow_url=layout.airflow_url,
            mlflow_url=layout.mlflow_url,
            components=components,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "evergreen.cli.stack.supervisor"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(plan.to_json().encode())
        process.stdin.close()
        return process

    yield start
    stop_stack(layout)
    for process in started:
        process.kill()
        process.wait()


def wait_for(layout: StackLayout, condition: Callable[[StackRecord], object]) -> StackRecord:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        record = read_record(layout.record_path)
        if record is not None and condition(record):
            return record
        time.sleep(0.05)
    raise AssertionError(f"not seen within {DEADLINE_SECONDS} s: {read_record(layout.record_path)}")


def is_running(record: StackRecord) -> bool:
    return all(component.state in ("running", "done") for component in record.components.values())


def test_down_stops_all_and_forgets_it(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    launch(SLEEPER, Component("second", ("sleep", "61")))
    record = wait_for(layout, is_running)
    assert len(record.leaders()) == 2
    assert stop_stack(layout)
    assert not any(leader.is_alive() for leader in (*record.leaders(), record.supervisor))
    assert not layout.record_path.exists()
    assert not stop_stack(layout)


def test_a_component_that_is_killed_comes_back(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    launch(SLEEPER)
    first = wait_for(layout, is_running).leaders()[0]
    signal_process(first.pid, signal.SIGKILL)
    record = wait_for(layout, lambda record: is_running(record) and record.leaders()[0].pid != first.pid)
    assert record.components["sleeper"].restarts == 1


def test_a_one_off_comes_first_and_its_failure_is_final(
    launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout
) -> None:
    launch(Component("migrate", ("false",), one_off=True), Component("server", ("sleep", "60"), after="migrate"))
    record = wait_for(layout, StackRecord.failed)
    assert record.components["migrate"].detail == "ended with exit code 1"
    assert record.components["server"].state == "waiting"


def test_what_follows_a_one_off_starts_after_it(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    launch(Component("server", ("sleep", "60"), after="migrate"), Component("migrate", ("true",), one_off=True))
    record = wait_for(layout, is_running)
    assert record.components["migrate"].state == "done"


def test_down_after_the_supervisor_was_killed(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    supervisor = launch(SLEEPER)
    record = wait_for(layout, is_running)
    supervisor.kill()
    supervisor.wait()
    assert record.leaders()[0].is_alive()
    assert find_running(layout) is None
    assert stop_stack(layout)
    assert not record.leaders()[0].is_alive()


def test_a_second_supervisor_gives_way(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    launch(SLEEPER)
    record = wait_for(layout, is_running)
    assert launch(SLEEPER).wait(timeout=DEADLINE_SECONDS) == ALREADY_RUNNING
    assert wait_for(layout, is_running).supervisor == record.supervisor


def test_a_crash_is_told_with_what_comes_next(launch: Callable[..., subprocess.Popen[bytes]], layout: StackLayout) -> None:
    launch(ENDS)
    record = wait_for(layout, lambda record: record.components["ends"].restarts >= 1)
    assert "ended with exit code 7; starts again after" in record.components["ends"].detail
    assert "bye" in Path(record.components["ends"].log).read_text()


def test_waits_grow_up_to_a_limit() -> None:
    waits = [back_off_seconds(ends) for ends in range(1, 8)]
    assert waits == [1, 2, 4, 8, 16, 16, 16]
    assert max(waits) == LONGEST_WAIT_SECONDS


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "stack.lock"
    first = take_lock(path)
    assert first is not None
    assert take_lock(path) is None
    first.close()
    again = take_lock(path)
    assert again is not None
    again.close()


def test_a_plan_survives_json() -> None:
    plan = Plan("r", "l", "logs", "w", "http://a:1", "http://m:2", (SLEEPER, Component("x", ("true",), "sleeper", True)))
    assert Plan.from_json(plan.to_json()) == plan


def signal_process(pid: int, number: signal.Signals) -> None:
    import os

    os.kill(pid, number)
