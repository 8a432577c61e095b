from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from evergreen.cli import doctor
from evergreen.cli.doctor import Finding, examine
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.processes import ProcessIdentity
from evergreen.cli.stack.record import StackRecord
from evergreen.errors import StackError
from evergreen.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def layout(settings: Settings, tmp_path: Path) -> StackLayout:
    settings.home.mkdir()
    return StackLayout(settings.home, tmp_path)


def about(subject: str, findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def test_looks_at_everything_on_a_machine_that_is_fine(settings: Settings, layout: StackLayout) -> None:
    findings = examine(settings, layout)
    assert {finding.subject for finding in findings} >= {"python", "packages", "home", "memory", "landing", "database", "stack"}
    assert about("stack", findings).observation == "not running"
    assert about("landing", findings).severity == "warn"
    assert "evergreen seed" in about("landing", findings).advice


@pytest.mark.parametrize(("pinned", "severity"), [("", "good"), (".post1", "bad")])
def test_compares_packages_with_the_lock(layout: StackLayout, settings: Settings, pinned: str, severity: str) -> None:
    lock = layout.project_root / "requirements.lock"
    lock.write_text(f"typer=={version('typer')}{pinned} \\\n    --hash=sha256:00\n")
    assert about("packages", examine(settings, layout)).severity == severity


def test_a_killed_supervisor_is_bad_and_has_a_way_out(settings: Settings, layout: StackLayout) -> None:
    gone = ProcessIdentity(2**22 + 1, 0.0, ("gone",))
    StackRecord(gone, layout.airflow_url, layout.mlflow_url, 0.0).write(layout.record_path)
    finding = about("stack", examine(settings, layout))
    assert (finding.severity, finding.advice) == ("bad", "run `evergreen down`, then `evergreen up`")


@pytest.mark.parametrize(
    ("error", "said"),
    [(StackError("w", found="f", allowed="a", remedy="r"), "w: f"), (KeyError("x"), "KeyError: 'x'")],
)
def test_a_look_that_breaks_is_a_finding(error: Exception, said: str) -> None:
    def broken() -> Iterator[Finding]:
        raise error
        yield

    (finding,) = doctor._guarded(broken)
    assert (finding.severity, finding.observation) == ("bad", said)


def test_a_home_without_room_or_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    (finding,) = doctor._home(tmp_path / "new")
    assert finding.severity == "bad"
