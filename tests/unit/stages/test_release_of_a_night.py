"""The way back that a night has decided on."""

from datetime import UTC, datetime

import pytest

from evergreen.connect.probation import take_back as take_back_in_a_run
from evergreen.connect.run import Run
from evergreen.errors import DigestMismatchError, PromotionConflictError, UndecidedError
from evergreen.files import Files
from evergreen.observation import Action, Cause
from evergreen.registry import releases
from evergreen.registry.nights import NightStore, decision_id
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Decided
from evergreen.settings import Settings
from evergreen.stages.release import rollback, take_back
from released_models import MODEL, Nowhere, a_bundle, a_definition, judge, release_without_mlflow
from watched_nights import night_decision

AIRFLOW_SKIPS = "AirflowSkipException"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(releases, "MlflowAliases", lambda settings: Nowhere())
    return Settings(home=tmp_path)


@pytest.fixture
def registry(settings):
    """Version 2 has replaced version 1."""
    for number in (1, 2):
        judged = judge(settings, a_bundle(settings, "baseline", seed=number), against=None if number == 1 else "1")
        release_without_mlflow(settings, number, judged)
    return ReleaseRegistry(settings)


def decided(settings, **changes):
    """Keep a night that wants version 1 back; return its id."""
    values = {"model": MODEL, "release_version": "2", "cause": Cause.WORSE_RELEASE, "action": Action.ROLLBACK}
    values |= {"rolls_back_to": "1", "faulty_days": (), "reasons": ("Version 2 answers worse.",)}
    return decision_id(NightStore(settings.database_url).record(night_decision(**values | changes)))


def test_the_release_before_is_champion_again_and_the_timeline_says_why(settings, registry):
    back = take_back(decided(settings), settings)
    assert (back.version, back.previous_version) == ("1", "2")
    assert registry.champion(MODEL).version == "1"
    move = registry.timeline(MODEL)[0]
    assert (move.action, move.actor, move.reason) == ("rollback", "monitoring", "Version 2 answers worse.")


def test_a_task_that_comes_again_moves_nothing_twice(settings, registry):
    night = decided(settings)
    assert take_back(night, settings) == take_back(night, settings)
    assert len(registry.timeline(MODEL)) == 3


def test_even_after_a_person_has_undone_it(settings, registry):
    night = decided(settings)
    take_back(night, settings)
    rollback(a_definition(), settings, "it was the weather", to_version="2")
    assert take_back(night, settings).version == "1"
    assert registry.champion(MODEL).version == "2"


def test_a_champion_that_has_moved_since_is_left_alone(settings, registry):
    night = decided(settings)
    rollback(a_definition(), settings, "by hand", to_version="1")
    with pytest.raises(PromotionConflictError):
        take_back(night, settings)
    assert len(registry.timeline(MODEL)) == 3


@pytest.mark.parametrize("changes", [{"action": Action.LOG}, {"rolls_back_to": None}])
def test_a_night_that_decided_otherwise_takes_nothing_back(settings, registry, changes):
    with pytest.raises(UndecidedError, match="no night has taken"):
        take_back(decided(settings, **changes), settings)
    assert registry.champion(MODEL).version == "2"


def test_nor_does_one_that_nobody_knows(settings, registry):
    with pytest.raises(UndecidedError, match="no decision 0000"):
        take_back("0000", settings)


def test_a_bundle_that_is_gone_is_no_way_back(settings, registry):
    before = registry.version(MODEL, "1")
    uri = f"{before.bundle_uri}/manifest.json"
    Files().write_bytes(uri, b"{}")
    with pytest.raises(DigestMismatchError):
        take_back(decided(settings), settings)
    assert registry.champion(MODEL).version == "2"


def test_in_a_run_a_champion_that_has_moved_skips_the_task(settings, registry):
    night = decided(settings)
    rollback(a_definition(), settings, "by hand", to_version="1")
    run = Run(a_definition(), settings, datetime(2013, 6, 1, tzinfo=UTC), force=False, dry_run=False, reason="", run_id="1")
    words = {"action": "rollback", "cause": "worse_release", "severity": "warning", "reasons": ("r",), "report_uri": ""}
    tonight = Decided(model=MODEL, as_of=run.as_of, decision_id=night, starts_training=False, rolls_back_to="1", **words)
    with pytest.raises(Exception, match="the champion has moved since") as raised:
        take_back_in_a_run(run, tonight)
    assert type(raised.value).__name__ == AIRFLOW_SKIPS
