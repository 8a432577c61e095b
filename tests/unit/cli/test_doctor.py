import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from evergreen.cli import doctor
from evergreen.cli.doctor import Finding, examine
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.processes import ProcessIdentity
from evergreen.cli.stack.record import StackRecord
from evergreen.erasure.hashes import ErasureHash
from evergreen.errors import StackError
from evergreen.registry.erasures import Erasure, ErasureStore
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


KEY = "the key of this installation"


@pytest.fixture
def with_an_erasure(settings: Settings, layout: StackLayout) -> Settings:
    erasure = Erasure(
        model="flights",
        columns=("tailnum",),
        hashes=("a",),
        hash_key_id=ErasureHash(KEY, "flights").key_id,
        actor="anna",
        reason="17",
        begun_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    ErasureStore(settings.database_url).begin(erasure)
    return settings


@pytest.mark.parametrize(
    ("key", "severity", "said"),
    [
        (KEY, "good", "1 of flights, made with the EVERGREEN_HASH_KEY of this environment"),
        ("", "bad", "EVERGREEN_HASH_KEY is not set"),
        ("a new one, made up just now", "bad", "another one than then"),
    ],
)
def test_once_somebody_was_erased_the_key_is_looked_for(
    with_an_erasure: Settings, layout: StackLayout, key: str, severity: str, said: str
) -> None:
    settings = with_an_erasure.model_copy(update={"hash_key": key})
    finding = about("erasures", examine(settings, layout))
    assert (finding.severity, bool(finding.advice)) == (severity, severity == "bad")
    assert said in finding.observation
    assert not key or key not in finding.observation + finding.advice


def test_where_nobody_was_erased_no_key_is_asked_for(settings: Settings, layout: StackLayout) -> None:
    assert not [finding for finding in examine(settings, layout) if finding.subject == "erasures"]


@pytest.mark.parametrize(("key", "severities"), [(KEY, ["good", "good"]), ("", ["good", "bad"])])
def test_a_stack_that_was_started_without_the_key_is_told_to_start_again(
    with_an_erasure: Settings, layout: StackLayout, key: str, severities: list[str]
) -> None:
    command = [sys.executable, "-c", "input()"]
    environment = {"EVERGREEN_HASH_KEY": key} if key else {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        supervisor = ProcessIdentity.of(process.pid, command)
        StackRecord(supervisor, layout.airflow_url, layout.mlflow_url, 0.0).write(layout.record_path)
        findings = list(doctor._erasures(with_an_erasure.model_copy(update={"hash_key": KEY}), layout))
        process.communicate(b"\n")
    assert [finding.severity for finding in findings] == severities
    assert ("evergreen down" in findings[1].advice) == (not key)
