"""Processes known by more than their number: a pid alone may belong to somebody else by tomorrow."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_START_TOLERANCE_SECONDS = 1.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessIdentity:
    """A process as it was when it was started."""

    pid: int
    started: float
    """Start time, seconds since the epoch."""
    command: tuple[str, ...]

    @classmethod
    def of(cls, pid: int, command: Iterable[str]) -> ProcessIdentity:
        """Describe a process that has just been started."""
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            started = time.time()
        return cls(pid, started, tuple(command))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessIdentity:
        """Restore an identity from a record."""
        return cls(int(value["pid"]), float(value["started"]), tuple(value["command"]))

    def to_json(self) -> dict[str, Any]:
        """Return the identity as JSON types."""
        return {**asdict(self), "command": list(self.command)}

    def is_alive(self) -> bool:
        """Return whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= _START_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def session_members(leader: ProcessIdentity, working_dir: Path) -> list[psutil.Process]:
    """Return the living processes of the session that `leader` opened.

    A task of Airflow's moves into a process group of its own but stays in the session, so the session is what is stopped.
    The kernel does not give a session's number away while it has members; should the leader be gone all the same, only
    processes that still stand in `working_dir` are taken for its children.
    """
    members = [psutil.Process(pid) for pid in psutil.pids() if _session_of(pid) == leader.pid]
    if leader.is_alive():
        return [process for process in members if _is_running(process)]
    return [process for process in members if process.pid != leader.pid and _stands_in(process, working_dir, leader.started)]


def stop_sessions(leaders: Iterable[ProcessIdentity], working_dir: Path, *, limit_seconds: float) -> bool:
    """Send TERM to every process of these sessions, then KILL to what is left after the limit.

    Returns:
        True when all ended on TERM alone.
    """
    leaders = tuple(leaders)
    _signal_all(leaders, working_dir, signal.SIGTERM)
    if _wait_until_empty(leaders, working_dir, limit_seconds):
        return True
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:  # a dying parent may still start a child
        _signal_all(leaders, working_dir, signal.SIGKILL)
        if _wait_until_empty(leaders, working_dir, 1.0):
            break
    return False


def _signal_all(leaders: tuple[ProcessIdentity, ...], working_dir: Path, number: signal.Signals) -> None:
    for leader in leaders:
        for process in session_members(leader, working_dir):
            with suppress(psutil.Error):
                process.send_signal(number)  # psutil compares start times before it sends


def _wait_until_empty(leaders: tuple[ProcessIdentity, ...], working_dir: Path, limit_seconds: float) -> bool:
    deadline = time.monotonic() + limit_seconds
    while any(session_members(leader, working_dir) for leader in leaders):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _stands_in(process: psutil.Process, working_dir: Path, since: float) -> bool:
    try:
        young_enough = process.create_time() >= since - _START_TOLERANCE_SECONDS
        return young_enough and _is_running(process) and process.cwd() == str(working_dir)
    except psutil.Error:
        return False
