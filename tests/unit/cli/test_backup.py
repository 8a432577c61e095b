import pytest
from typer.testing import CliRunner

from evergreen.cli.main import app


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    page = tmp_path / "home" / "reports" / "flight_delays" / "gate" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text("page")
    return tmp_path / "home"


def say(*command, exit_code=0):
    result = CliRunner().invoke(app, list(command))
    assert result.exit_code == exit_code, result.output
    return result.output


def test_a_backup_says_how_it_comes_back_and_does(home, tmp_path):
    told = say("backup", str(tmp_path / "backups"))
    assert "1 files, 0 databases" in told
    command = told.partition("`evergreen ")[2].partition("`")[0].split()
    home.rename(tmp_path / "lost")
    assert "1 files" in say(*command)
    assert (home / "reports" / "flight_delays" / "gate" / "page.html").read_text() == "page"
    assert "something is there already" in say(*command, exit_code=1)


def test_maintenance_by_hand_goes_through_all_kinds_or_one(home):
    told = say("maintain", "flight_delays", "--dry-run")
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        "results",
        "candidates",
        "inputs",
        "tables",
        "nights",
        "pages",
    ]
    assert say("maintain", "flight_delays", "--only", "pages") == "pages: removed 0 files with 0.0 MiB\n"
    assert "there is no such kind" in say("maintain", "flight_delays", "--only", "landing", exit_code=1)
