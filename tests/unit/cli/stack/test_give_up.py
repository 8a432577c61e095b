import sys
from pathlib import Path

from evergreen.cli.stack import supervisor
from evergreen.cli.stack.components import Component
from evergreen.cli.stack.record import ComponentRecord


class FakeProcess:
    pid = 2**22 + 1  # beyond any real pid
    returncode = 9

    def poll(self) -> int:
        return self.returncode


def ended_times(tmp_path: Path, moments: list[float]) -> ComponentRecord:
    record = ComponentRecord(log=str(tmp_path / "x.log"))
    plan = supervisor.Plan("", "", "", str(tmp_path), "", "", ())
    kept = supervisor._Kept(Component("x", (sys.executable,)), plan, record)
    for moment in moments:
        kept._process = FakeProcess()  # type: ignore[assignment]
        kept.tick(may_start=True, now=moment)
    return record


def test_five_ends_in_ten_minutes_are_tried_again(tmp_path: Path) -> None:
    assert ended_times(tmp_path, [10.0 * n for n in range(5)]).state == "backing off"


def test_six_ends_in_ten_minutes_are_given_up_and_told(tmp_path: Path) -> None:
    record = ended_times(tmp_path, [10.0 * n for n in range(6)])
    assert record.state == "failed"
    assert "given up after 6 ends within ten minutes, the last with exit code 9" in record.detail


def test_six_ends_over_a_day_are_not_many(tmp_path: Path) -> None:
    assert ended_times(tmp_path, [10_000.0 * n for n in range(6)]).state == "backing off"
