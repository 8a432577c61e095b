"""A decision becomes exactly one training: asked for until it has begun, refused to any other run."""

from datetime import UTC, datetime, timedelta

import pytest

from evergreen.connect.run import Run
from evergreen.connect.sweeping import due_of_all_models
from evergreen.connect.trainings import LONGEST_REASON, note_arrival, pending_trainings, started_because
from evergreen.definitions import load_definition
from evergreen.errors import RegistryError, RequestError
from evergreen.observation import NightDecision
from evergreen.registry.nights import NightStore, decision_id
from evergreen.settings import PROJECT_ROOT, Settings

AS_OF = datetime(2026, 5, 1, 1, tzinfo=UTC)
FOLDER = PROJECT_ROOT / "docs" / "guides" / "minimal"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, definitions_dir=FOLDER.parent)


def night(**changes):
    values = {
        "model": "minimal",
        "as_of": AS_OF,
        "release_version": "3",
        "bundle_digest": "b" * 32,
        "cause": "concept_drift",
        "action": "retrain",
        "severity": "critical",
        "reasons": ("a refit gains {{ 7 * 7 }} points",),
        "alarms": (),
        "probed": True,
        "starts_training": True,
        "new_rows": 5000,
        "diagnosis_digest": "d" * 32,
        "probe_digest": "e" * 32,
        "policy_digest": "f" * 32,
        "past_digest": "0" * 32,
    }
    return NightDecision.model_validate(values | changes)


def decided(settings, **changes):
    return decision_id(NightStore(settings.database_url).record(night(**changes)))


def run(settings, run_id, decision):
    return Run(load_definition(FOLDER), settings, AS_OF, False, False, "why", run_id, decision_id=decision)


def test_a_decision_asks_for_a_run_of_its_own_name(settings):
    wanted = decided(settings)
    [request] = pending_trainings(settings)
    assert request["trigger_dag_id"] == "minimal.training"
    assert request["trigger_run_id"] == wanted
    assert request["conf"]["decision"] == wanted
    assert request["conf"]["as_of"] == "2026-05-01T01:00:00+00:00"
    assert "a refit gains" in request["conf"]["reason"]
    assert wanted in request["note"]


@pytest.mark.parametrize("changes", [{"action": "log"}, {"starts_training": False}])
def test_what_starts_nothing_asks_for_nothing(settings, changes):
    decided(settings, **changes)
    assert pending_trainings(settings) == []


def test_it_is_asked_for_until_its_training_has_begun(settings):
    wanted = decided(settings)
    later = decided(settings, as_of=AS_OF + timedelta(days=9))
    note_arrival(run(settings, wanted, wanted))
    assert [request["trigger_run_id"] for request in pending_trainings(settings)] == [later]


def test_the_same_run_may_arrive_again_and_another_may_not(settings):
    wanted = decided(settings)
    for _ in range(2):
        note_arrival(run(settings, wanted, wanted))
    with pytest.raises(RequestError, match="has its training already"):
        note_arrival(run(settings, "by-hand", wanted))


def test_a_training_for_a_decision_that_nobody_took_is_refused(settings):
    with pytest.raises(RegistryError, match="no night has taken"):
        note_arrival(run(settings, "by-hand", "a" * 32))


def test_a_training_that_follows_no_decision_asks_no_database(settings):
    note_arrival(run(settings, "by-hand", None))
    assert not (settings.home / "evergreen.db").exists()


def test_the_sweep_finds_what_every_model_waits_for_but_triggers_no_dag_that_is_gone(settings):
    wanted = decided(settings)
    decided(settings, model="gone")
    assert [request["trigger_run_id"] for request in due_of_all_models(settings)] == [wanted]


def test_a_reason_fits_the_form_and_keeps_its_decision():
    text = started_because("because " * 100, "d" * 32)
    assert len(text) == LONGEST_REASON
    assert text.endswith(f"… (decision {'d' * 32})")
