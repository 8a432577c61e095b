from pathlib import Path

import psutil
import pytest

from evergreen.cli.stack import lifecycle
from evergreen.cli.stack.components import Component
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.lifecycle import find_running, start_stack, stop_stack
from evergreen.errors import StackError
from evergreen.settings import Settings

SLEEPER = Component("sleeper", ("sleep", "60"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def layout(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """A stack of one sleeping process that counts as healthy at once."""
    monkeypatch.setattr(lifecycle, "stack_components", lambda *_: (SLEEPER,))
    monkeypatch.setattr(lifecycle, "stack_problems", lambda *_, **__: {})
    monkeypatch.setattr(lifecycle, "require_free_port", lambda *_: None)
    monkeypatch.setattr(lifecycle, "warm_up_airflow", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_POLL_SECONDS", 0.05)
    layout = StackLayout(settings.home, settings.home)
    yield layout
    stop_stack(layout)


def start(layout: StackLayout, settings: Settings, **options):
    return start_stack(layout, settings, report=lambda _: None, **options)


def test_the_second_start_finds_the_first(layout: StackLayout, settings: Settings) -> None:
    assert start(layout, settings).newly_started
    first = find_running(layout)
    assert not start(layout, settings).newly_started
    found = find_running(layout)  # what it says of a part may have changed meanwhile: waiting, running
    assert (found.supervisor, found.airflow_url) == (first.supervisor, first.airflow_url)
    assert [part.restarts for part in found.components.values()] == [0] * len(first.components)


def test_other_ports_for_a_running_stack_are_refused_and_it_goes_on(layout: StackLayout, settings: Settings) -> None:
    start(layout, settings)
    with pytest.raises(StackError, match="on other ports"):
        start(StackLayout(layout.home, layout.project_root, airflow_port=1234), settings)
    assert find_running(layout)


def test_a_component_that_fails_stops_the_start_and_shows_its_log(
    layout: StackLayout, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Component("migrate", ("sh", "-c", "echo no such table; exit 3"), one_off=True)
    monkeypatch.setattr(lifecycle, "stack_components", lambda *_: (SLEEPER, broken))
    monkeypatch.setattr(lifecycle, "stack_problems", lambda *_, **__: {"scheduler": "unhealthy"})
    with pytest.raises(StackError, match="migrate does not start") as caught:
        start(layout, settings)
    assert "no such table" in caught.value.found
    assert find_running(layout) is None


def test_a_stack_that_takes_too_long_is_stopped_and_says_what_was_missing(
    layout: StackLayout, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "stack_problems", lambda *_, **__: {"triggerer": "no heartbeat yet"})
    with pytest.raises(StackError, match="triggerer: no heartbeat yet"):
        start(layout, settings, limit_seconds=0.3)
    assert not layout.record_path.exists()


def test_an_interrupt_while_waiting_stops_it(layout: StackLayout, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> dict[str, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "stack_problems", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start(layout, settings)
    assert find_running(layout) is None


def test_leftovers_of_a_killed_supervisor_are_cleared_before_a_new_start(layout: StackLayout, settings: Settings) -> None:
    start(layout, settings)
    while not (record := find_running(layout)) or not record.leaders():
        pass
    psutil.Process(record.supervisor.pid).kill()
    while record.supervisor.is_alive():
        pass
    assert start(layout, settings).newly_started
    assert not record.leaders()[0].is_alive()


def test_stopping_nothing_is_fine(layout: StackLayout) -> None:
    assert not stop_stack(layout)
