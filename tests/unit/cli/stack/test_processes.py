import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from evergreen.cli.stack.processes import ProcessIdentity, session_members, stop_sessions

# A leader, a child of its own process group (as Airflow's tasks have one), both asleep.
FAMILY = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "60"], process_group=0)
print(child.pid, flush=True)
child.wait()
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


class Started:
    def __init__(self, code: str, working_dir: Path) -> None:
        command = (sys.executable, "-c", code)
        self.process = subprocess.Popen(command, cwd=working_dir, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()
        self.identity = ProcessIdentity.of(self.process.pid, command)

    def end(self) -> None:
        for member in [p for p in psutil.process_iter() if _session(p.pid) == self.process.pid]:
            member.kill()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def is_gone(pid: int) -> bool:
    """A process that nobody has reaped yet is gone as well."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Started]:
    started = Started(FAMILY, tmp_path)
    yield started
    started.end()


def test_members_are_the_whole_session(family: Started, tmp_path: Path) -> None:
    members = {process.pid for process in session_members(family.identity, tmp_path)}
    assert members == {family.process.pid, int(family.said)}


def test_stops_members_with_a_group_of_their_own(family: Started, tmp_path: Path) -> None:
    assert stop_sessions([family.identity], tmp_path, limit_seconds=5)
    assert is_gone(int(family.said))
    assert not family.identity.is_alive()


def test_kills_what_does_not_hear(tmp_path: Path) -> None:
    deaf = Started(DEAF, tmp_path)
    assert not stop_sessions([deaf.identity], tmp_path, limit_seconds=0.3)
    assert not deaf.identity.is_alive()
    deaf.end()


def test_finds_the_children_of_a_leader_that_is_gone(family: Started, tmp_path: Path) -> None:
    family.process.kill()
    family.process.wait()
    assert [process.pid for process in session_members(family.identity, tmp_path)] == [int(family.said)]


def test_a_recycled_number_is_not_the_process(family: Started, tmp_path: Path) -> None:
    other = replace(family.identity, started=family.identity.started - 1000)
    assert not other.is_alive()
    # A stranger with this number leads the session, from another folder: none of it is ours.
    assert session_members(other, tmp_path / "elsewhere") == []
    stop_sessions([other], tmp_path / "elsewhere", limit_seconds=0.1)
    assert family.identity.is_alive()


def test_a_stranger_that_leads_the_session_is_never_a_member(family: Started, tmp_path: Path) -> None:
    other = replace(family.identity, started=family.identity.started - 1000)
    assert family.process.pid not in {process.pid for process in session_members(other, tmp_path)}


def test_identity_survives_json(family: Started) -> None:
    assert ProcessIdentity.from_json(family.identity.to_json()) == family.identity
