"""The nightly training DAG, whole."""

from evergreen.registry.decisions import DecisionStore
from evergreen.registry.releases import ReleaseRegistry


def states(outcome):
    return {task.task_id: task.state for task in outcome.tasks}


def test_the_first_night_makes_a_champion_with_its_decision_record(champion_home):
    champion = ReleaseRegistry(champion_home.settings).champion("flight_delays")
    assert champion is not None
    record = DecisionStore(champion_home.settings.database_url).get(champion.decision_id)
    assert record is not None
    assert record.outcome == "promote"
    assert record.challenger_digest == champion.bundle_digest


def test_a_second_run_of_the_same_as_of_does_no_work_and_says_the_same(champion_home, night):
    first = night.run("training", "2013-02-15")
    tables = {path: path.stat().st_mtime_ns for path in (night.settings.home / "tables").rglob("*.parquet")}
    second = night.run("training", "2013-02-15")
    assert second.succeeded, second.errors
    assert {path: path.stat().st_mtime_ns for path in (night.settings.home / "tables").rglob("*.parquet")} == tables
    assert second.returned["ingest"]["written_days"] == 0
    for task in ("ingest", "validate", "build_features"):
        assert second.returned[task]["digest"] == first.returned[task]["digest"]
    assert second.returned["train"] == first.returned["train"]
    # The first run's challenger is the champion now; it cannot beat itself, and nothing is released again.
    assert first.returned["gate"]["outcome"] == "promote"
    assert second.returned["gate"]["outcome"] == "keep"
    assert states(second)["release"] == "skipped"


def test_two_homes_come_to_identical_digests(champion_home, night):
    """Same landing files, another home: everything a decision rests on is the same, byte for byte."""
    outcome = night.run("training", "2013-02-15")
    assert outcome.succeeded, outcome.errors
    again = champion_home.run("training", "2013-02-15")
    for task in ("ingest", "validate", "build_features"):
        assert outcome.returned[task]["digest"] == again.returned[task]["digest"], task
    digests = [[candidate["bundle_digest"] for candidate in run.returned["train"]] for run in (outcome, again)]
    assert digests[0] == digests[1]


def test_a_dry_run_decides_and_records_but_releases_nothing(night):
    outcome = night.run("training", "2013-02-15", dry_run=True)
    assert outcome.succeeded, outcome.errors
    assert states(outcome)["gate"] == "success"
    assert states(outcome)["register"] == "skipped"
    assert states(outcome)["release"] == "skipped"
    assert ReleaseRegistry(night.settings).champion("flight_delays") is None
    assert DecisionStore(night.settings.database_url).get(outcome.returned["gate"]["decision_id"]) is not None


def test_only_the_asked_candidates_are_trained(night):
    outcome = night.run("training", "2013-02-15", candidates=["logistic_regression"], dry_run=True)
    assert outcome.succeeded, outcome.errors
    assert [candidate["name"] for candidate in outcome.returned["train"]] == ["baseline", "logistic_regression"]
    assert outcome.returned["evaluate"]["challenger"]["name"] == "logistic_regression"
