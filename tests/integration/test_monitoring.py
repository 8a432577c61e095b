"""A night of monitoring, whole: what it saw, what it decided, what it started and whom it told."""

import json
import shutil

import pytest

from evergreen.registry.nights import NightStore, decision_id
from integration.night import Night

CHECKS = ("check_quality", "check_drift", "check_performance", "check_operations")
AS_OF = "2013-02-20"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test makes a champion and its nights


def states(outcome):
    return {(task.task_id, task.map_index): task.state for task in outcome.tasks}


@pytest.fixture(scope="module")
def watched_home(tmp_path_factory, champion_home):
    """The champion's home after five nights of scoring and one of monitoring. Not to be changed by a test."""
    home = tmp_path_factory.mktemp("watched") / "home"
    shutil.copytree(champion_home.settings.home, home)
    night = Night(home)
    for day in range(16, 21):
        assert night.run("scoring", f"2013-02-{day}").succeeded
    first = night.run("monitoring", AS_OF)
    assert first.succeeded, first.errors
    return night, first


@pytest.fixture
def watched(tmp_path, watched_home):
    shutil.copytree(watched_home[0].settings.home, tmp_path / "home")
    return Night(tmp_path / "home")


def test_a_night_looks_from_four_sides_and_keeps_its_decision(watched_home):
    night, outcome = watched_home
    assert {outcome.returned[check]["kind"] for check in CHECKS} == {"quality", "drift", "performance", "operations"}
    decided = outcome.returned["decide"]
    kept = NightStore(night.settings.database_url).get(decided["decision_id"])
    assert kept is not None
    assert (kept.action, kept.cause, list(kept.reasons)) == (decided["action"], decided["cause"], decided["reasons"])
    page = (night.settings.home / "reports" / "flight_delays" / "monitoring" / "20130220T080000Z.html").read_text()
    assert kept.reasons[0].split("`")[0][:40] in page
    assert f'href="{outcome.returned["check_drift"]["evidently_uri"].rpartition("/")[2]}"' in page
    assert kept.release_version == outcome.returned["collect"]["champion"]["version"]
    # Five days of answers and a week until labels have matured: nobody can know whether a training would help.
    assert decided["starts_training"] is False


def test_what_nobody_asked_for_is_skipped(watched_home):
    _, outcome = watched_home
    assert states(outcome)["decide", -1] == "success"
    assert states(outcome)["trigger", -1] == "skipped"
    assert outcome.returned["due"] == []
    wanted = outcome.returned["triage"]["wants_probe"]
    assert states(outcome)["probe", -1] == ("success" if wanted else "skipped")


def test_the_same_night_again_decides_the_same_and_tells_nobody_twice(watched_home, watched):
    _, first = watched_home
    told = (watched.settings.home / "alerts.jsonl").read_text() if (watched.settings.home / "alerts.jsonl").is_file() else ""
    again = watched.run("monitoring", AS_OF)
    assert again.succeeded, again.errors
    assert again.returned["decide"]["decision_id"] == first.returned["decide"]["decision_id"]
    assert again.returned["tell"] == []
    path = watched.settings.home / "alerts.jsonl"
    assert (path.read_text() if path.is_file() else "") == told


def test_a_decision_whose_training_never_began_is_started_once_and_refused_to_a_second_run(watched_home, watched):
    store = NightStore(watched.settings.database_url)
    kept = store.get(watched_home[1].returned["decide"]["decision_id"])
    lost = kept.model_copy(
        update={"as_of": kept.as_of.replace(day=18), "action": "retrain", "starts_training": True, "reasons": ("{{ 7 * 7 }}",)}
    )
    wanted = decision_id(store.record(lost))
    outcome = watched.run("monitoring", AS_OF)
    assert outcome.succeeded, outcome.errors
    assert [request["trigger_run_id"] for request in outcome.returned["due"]] == [wanted]
    assert states(outcome)["trigger", 0] == "success"
    # It is there already, and waits: this process runs no scheduler.
    assert states(watched.run("monitoring", AS_OF))["trigger", 0] == "skipped"

    conf = outcome.returned["due"][0]["conf"]
    training = watched.run("training", conf["as_of"], reason=conf["reason"], decision=wanted, dry_run=True)
    assert training.succeeded, training.errors
    assert store.pending() == []
    page = (watched.settings.home / "reports" / "flight_delays" / "gate").glob("*.html")
    newest = max(page, key=lambda path: path.stat().st_mtime_ns).read_text()
    assert wanted in newest
    assert "{{ 7 * 7 }}" in newest
    second = watched.run("training", conf["as_of"], decision=wanted, dry_run=True)
    assert not second.succeeded
    assert "has its training already" in str(second.errors[0])


def test_a_day_without_answers_is_seen_and_told_once(champion_home, tmp_path):
    shutil.copytree(champion_home.settings.home, tmp_path / "home")
    night = Night(tmp_path / "home")
    for day in (16, 17, 18, 19):  # the night of the 20th never scored
        assert night.run("scoring", f"2013-02-{day}").succeeded
    for _ in range(2):
        outcome = night.run("monitoring", AS_OF)
        assert outcome.succeeded, outcome.errors
    assert outcome.returned["collect"]["missing_days"] == ["2013-02-19"]
    said = [json.loads(line) for line in (night.settings.home / "alerts.jsonl").read_text().splitlines()]
    # The home comes from other tests' nights, whose failed runs have spoken, too.
    assert [line["level"] for line in said if line["incident"] == "monitoring"] == ["critical"]


def test_a_failed_check_decides_nothing(watched, monkeypatch):
    from evergreen.stages.check_drift import stage

    def broken(*_: object, **__: object) -> None:
        raise KeyError("gone")

    before = NightStore(watched.settings.database_url).latest("flight_delays")
    monkeypatch.setattr(stage, "check_drift", broken)
    outcome = watched.run("monitoring", AS_OF)
    assert not outcome.succeeded
    assert states(outcome)["decide", -1] == "upstream_failed"
    assert NightStore(watched.settings.database_url).latest("flight_delays") == before
    [line] = [json.loads(line) for line in (watched.settings.home / "alerts.jsonl").read_text().splitlines()][-1:]
    assert line["subject"] == "[critical] flight_delays: monitoring failed in check_drift"
