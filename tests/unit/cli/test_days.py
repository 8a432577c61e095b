"""`evergreen readmit`: a person lets a day back in."""

from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from evergreen.cli.main import app
from evergreen.registry.nights import NightStore
from watched_nights import night_decision

MODEL, DAY = "flight_delays", date(2013, 4, 12)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    store = NightStore(f"sqlite:///{tmp_path / 'evergreen.db'}")
    store.record(night_decision(model=MODEL, as_of=datetime(2013, 4, 15, 7, tzinfo=UTC), faulty_days=(DAY,)))
    return store


def readmit(*arguments):
    return CliRunner().invoke(app, ["readmit", MODEL, *arguments])


def test_a_day_takes_part_again(store):
    assert f"{DAY}" in readmit().output
    done = readmit(f"{DAY}", "--reason", "the station was down")
    assert done.exit_code == 0, done.output
    assert store.set_aside(MODEL, datetime(2014, 1, 1, tzinfo=UTC)) == {}
    assert store.readmitted(MODEL) == (DAY,)
    assert "no day is set aside" in readmit().output


@pytest.mark.parametrize(
    ("arguments", "said"), [(("2013-04-13", "--reason", "why"), "not set aside"), ((f"{DAY}",), "without a reason")]
)
def test_what_is_wrong_is_said_and_changes_nothing(store, arguments, said, capfd):
    done = readmit(*arguments)
    assert done.exit_code == 1
    assert said in done.output + capfd.readouterr().err
    assert store.readmitted(MODEL) == ()
