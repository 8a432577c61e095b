"""Triage and decision as stages: what is read is checked, what is decided is kept once."""

from datetime import timedelta
from pathlib import Path

import pytest

from evergreen.errors import DigestMismatchError, RequestError
from evergreen.files import Files
from evergreen.observation import Action, Cause, CheckKind, Diagnosis, Severity
from evergreen.registry.nights import NightStore, decision_id
from evergreen.results import ChampionVersion, Collected, ComparedReleases, Probed
from evergreen.settings import Settings
from evergreen.stages.retrain import decide, replay
from evergreen.stages.triage import triage
from evergreen.tables.night_files import evidence_uri, keep_evidence, keep_terms, read_evidence, read_terms
from evergreen.tables.observations import keep_observation
from released_models import a_definition
from watched_nights import AS_OF, LONG_AGO, NIGHT, beside, measurement, observations

PROBE = {"confidence": 0.95}
DEFINITION = a_definition(retraining={"probe": PROBE})
CHAMPION = ChampionVersion(
    model="flights",
    version="3",
    bundle_uri="/b",
    bundle_digest="b" * 32,
    decision_id="d" * 32,
    mlflow_run_id="",
    trained_through=LONG_AGO,
    features_source_digest="s",
)


class Home:
    """Runs nights from observations to decisions."""

    def __init__(self, folder):
        self.settings = Settings(home=folder)
        self.files = Files()
        self.store = NightStore(self.settings.database_url)

    def collected(self, as_of, **changes):
        values = {
            "model": "flights",
            "as_of": as_of,
            "champion": CHAMPION,
            "released_at": LONG_AGO,
            "first_day": (as_of - 7 * NIGHT).date(),
            "last_day": (as_of - NIGHT).date(),
            "predictions_uri": "/p",
            "predictions_version": 1,
            "outcomes_uri": "/o",
            "outcomes_version": 1,
            "scored_rows": {},
            "missing_days": (),
            "new_outcomes": 0,
            "corrected_outcomes": 0,
            "new_rows": 5000,
            "digest": "c" * 32,
        }
        return Collected.model_validate(values | changes)

    def checked(self, as_of, **severities):
        seen = observations(as_of=as_of, **severities).values()
        return [keep_observation(one, self.settings, self.files) for one in seen]

    def triage(self, later=0, *, collected=None, definition=DEFINITION, **severities):
        as_of = AS_OF + later * NIGHT
        return triage(definition, collected or self.collected(as_of), self.checked(as_of, **severities), self.settings)

    def probe(self, later=0, **changes):
        found = measurement(as_of=AS_OF + later * NIGHT, **changes)
        uri, digest = keep_evidence(found, "probe", self.settings, self.files)
        return Probed(
            model="flights",
            as_of=found.as_of,
            improvement=found.improvement,
            lower=found.lower,
            upper=found.upper,
            measurement_uri=uri,
            measurement_digest=digest,
            seconds=1.0,
        )

    def night(self, later=0, *, probe=None, definition=DEFINITION, **severities):
        triaged = self.triage(later, definition=definition, **severities)
        probed = self.probe(later, **probe) if triaged.wants_probe and probe is not None else None
        return decide(definition, self.collected(AS_OF + later * NIGHT), triaged, probed, self.settings)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_two_nights_of_concept_drift_and_a_probe_that_says_yes_start_one_training(home):
    first = home.night(0, performance=Severity.CRITICAL, probe={})
    assert (first.action, first.cause, first.starts_training) == ("wait", "concept_drift", False)
    second = home.night(1, performance=Severity.CRITICAL, probe={})
    assert (second.action, second.starts_training) == ("retrain", True)
    third = home.night(2, performance=Severity.CRITICAL, probe={})
    assert (third.action, third.starts_training) == ("wait", False)
    assert "cooldown" in " ".join(third.reasons)
    assert [decision_id(pending) for pending in home.store.pending()] == [second.decision_id]


def test_a_night_run_again_finds_its_decision(home):
    decided = [home.night(later, performance=Severity.CRITICAL, probe={}) for later in range(4)]
    assert [home.night(later, performance=Severity.CRITICAL, probe={}) for later in range(4)] == decided
    assert len(home.store.pending()) == 1


def test_a_night_that_retrains_stands_even_when_its_evidence_has_changed(home):
    home.night(0, performance=Severity.CRITICAL)
    decided = home.night(1, performance=Severity.CRITICAL, probe={})
    assert home.night(1, quality=Severity.CRITICAL) == decided
    assert home.night(1, performance=Severity.CRITICAL, probe={"improvement": 0.5}) == decided


def test_a_night_whose_evidence_has_changed_is_decided_again_where_nothing_was_started(home):
    quiet = home.night()
    faulty = home.night(quality=Severity.CRITICAL)
    assert faulty.decision_id != quiet.decision_id
    assert home.store.get(faulty.decision_id).revision == 2
    assert home.store.get(faulty.decision_id).action is Action.QUARANTINE


def test_an_old_night_decided_late_starts_nothing(home):
    home.night(0, performance=Severity.CRITICAL)
    home.night(5)
    late = home.night(1, performance=Severity.CRITICAL, probe={})
    assert (late.action, late.starts_training) == ("retrain", False)
    assert "the night of 2013-06-06 has been decided already" in late.reasons[-1]
    assert home.store.pending() == []


def test_a_probe_that_said_no_is_remembered(home):
    home.night(0, performance=Severity.CRITICAL)
    refused = home.night(1, performance=Severity.CRITICAL, probe={"improvement": 0.001, "lower": -0.004})
    assert (refused.action, refused.starts_training) == ("log", False)
    assert not home.triage(7, performance=Severity.CRITICAL).wants_probe
    assert home.triage(8, performance=Severity.CRITICAL).wants_probe


def test_the_diagnosis_is_kept_and_names_what_it_rests_on(home):
    triaged = home.triage(quality=Severity.CRITICAL)
    kept = read_evidence(Diagnosis, triaged.diagnosis_uri, triaged.diagnosis_digest, home.files)
    assert (kept.cause, kept.reasons) == (Cause.UPSTREAM_FAULT, triaged.reasons)
    checked = home.checked(AS_OF, quality=Severity.CRITICAL)
    assert kept.observations == {CheckKind(one.kind): one.observation_digest for one in checked}


def test_changed_evidence_is_noticed(home):
    checked = home.checked(AS_OF)
    home.files.write_bytes(checked[0].observation_uri, b"{}")
    with pytest.raises(DigestMismatchError, match="observation of a night"):
        triage(DEFINITION, home.collected(AS_OF), checked, home.settings)
    triaged = home.triage()
    home.files.write_bytes(triaged.diagnosis_uri, b"{}")
    with pytest.raises(DigestMismatchError, match="diagnosis of a night"):
        decide(DEFINITION, home.collected(AS_OF), triaged, None, home.settings)


@pytest.mark.parametrize("change", [{"as_of": AS_OF + timedelta(hours=1)}, {"champion": None}, {"model": "other"}])
def test_evidence_of_another_night_is_refused(home, change):
    with pytest.raises(RequestError, match="of another night"):
        home.triage(collected=home.collected(AS_OF, **change) if "as_of" not in change else home.collected(change["as_of"]))


def test_a_probe_or_a_diagnosis_of_another_night_is_refused(home):
    triaged = home.triage()
    with pytest.raises(RequestError, match="what another one concluded"):
        decide(DEFINITION, home.collected(AS_OF + NIGHT), triaged, None, home.settings)
    with pytest.raises(RequestError, match="what another one concluded"):
        decide(DEFINITION, home.collected(AS_OF), triaged, home.probe(1), home.settings)


def test_switched_off_a_decision_is_kept_and_starts_nothing(home):
    off = a_definition(retraining={"enabled": False, "probe": PROBE})
    home.night(0, performance=Severity.CRITICAL, definition=off)
    decided = home.night(1, performance=Severity.CRITICAL, probe={}, definition=off)
    assert (decided.action, decided.starts_training) == ("retrain", False)
    assert home.store.pending() == []


class TestReplay:
    """A night is decided again from what was kept of it."""

    def again(self, home, decided):
        return replay(home.store.get(decided.decision_id), home.settings)

    def test_every_night_comes_to_the_same_word_for_word(self, home):
        nights = [home.night(later, performance=Severity.CRITICAL, probe={}) for later in range(3)]
        nights.append(home.night(3, quality=Severity.CRITICAL))
        nights.append(home.night(4))
        assert [night.action for night in nights] == ["wait", "retrain", "wait", "quarantine", "log"]
        for night in nights:
            found = self.again(home, night)
            assert found.same
            assert (found.decision.action, found.decision.reasons) == (night.action, night.reasons)

    def test_whatever_the_definition_says_today(self, home):
        strict = a_definition(retraining={"persistence": 1, "probe": PROBE})
        decided = home.night(performance=Severity.CRITICAL, probe={}, definition=strict)
        assert decided.action == "retrain"
        assert self.again(home, decided).same

    def test_by_the_nights_that_were_known_then(self, home):
        """An earlier night was decided anew afterwards, on other evidence."""
        home.night(0)
        decided = home.night(1, performance=Severity.CRITICAL, probe={})
        home.night(0, performance=Severity.CRITICAL)
        assert self.again(home, decided).same

    def test_a_night_that_was_decided_late_stays_so(self, home):
        home.night(0, performance=Severity.CRITICAL)
        home.night(5)
        late = home.night(1, performance=Severity.CRITICAL, probe={})
        assert self.again(home, late).same

    def test_other_terms_come_to_another_decision_and_are_noticed(self, home):
        decided = home.night(0, performance=Severity.CRITICAL, probe={})
        kept = home.store.get(decided.decision_id)
        terms = read_terms(kept.evidence_uri, decided.decision_id, home.files)
        impatient = terms.model_copy(update={"new_rows": 4999})
        keep_terms(impatient, decided.decision_id, home.settings, home.files)
        assert not self.again(home, decided).same

    def test_changed_evidence_is_refused(self, home):
        decided = home.night(0)
        kept = home.store.get(decided.decision_id)
        uri = evidence_uri(kept.evidence_uri, "diagnosis", kept.diagnosis_digest)
        home.files.write_bytes(uri, home.files.read_bytes(uri).replace(b"ok", b"no"))
        with pytest.raises(DigestMismatchError, match="diagnosis of a night"):
            self.again(home, decided)

    def test_a_night_whose_terms_are_gone_cannot_be_replayed(self, home):
        decided = home.night(0)
        kept = home.store.get(decided.decision_id)
        Path(evidence_uri(kept.evidence_uri, "terms", decided.decision_id)).unlink()
        with pytest.raises(FileNotFoundError):
            self.again(home, decided)


class TestProbation:
    """A look at a new champion, as the stage reads and keeps it."""

    def night(self, home, later=0, **changes):
        seen = beside(as_of=AS_OF + later * NIGHT, **changes)
        uri, digest = keep_evidence(seen, "probation", home.settings, home.files)
        compared = ComparedReleases(
            model="flights",
            as_of=seen.as_of,
            version="3",
            replaced_version="2",
            improvement=seen.improvement,
            lower=seen.lower,
            upper=seen.upper,
            measurement_uri=uri,
            measurement_digest=digest,
        )
        collected = home.collected(AS_OF + later * NIGHT)
        return decide(DEFINITION, collected, home.triage(later), None, home.settings, compared=compared)

    def test_a_champion_that_is_worse_is_to_be_taken_back_and_the_night_is_replayed(self, home):
        decided = self.night(home)
        assert (decided.action, decided.cause, decided.rolls_back_to) == ("rollback", "worse_release", "2")
        kept = home.store.get(decided.decision_id)
        assert (kept.action, kept.rolls_back_to) == (Action.ROLLBACK, "2")
        assert replay(kept, home.settings).same

    def test_once_decided_it_stands_even_when_its_evidence_has_changed(self, home):
        decided = self.night(home)
        assert self.night(home, improvement=0.01, upper=0.02) == decided
        assert home.night(0, quality=Severity.CRITICAL) == decided

    def test_decided_after_a_later_night_it_takes_nothing_back(self, home):
        home.night(5)
        late = self.night(home)
        assert (late.action, late.rolls_back_to) == ("rollback", None)
        assert late.reasons[-1] == "Nothing is taken back: the night of 2013-06-06 has been decided already."
        assert replay(home.store.get(late.decision_id), home.settings).same

    def test_a_look_of_another_night_is_refused(self, home):
        with pytest.raises(RequestError, match="what another one concluded"):
            self.night_of_another(home)

    def night_of_another(self, home):
        seen = beside(as_of=AS_OF + NIGHT)
        uri, digest = keep_evidence(seen, "probation", home.settings, home.files)
        names = {"version": "3", "replaced_version": "2", "improvement": None, "lower": None, "upper": None}
        compared = ComparedReleases(model="flights", as_of=AS_OF, measurement_uri=uri, measurement_digest=digest, **names)
        decide(DEFINITION, home.collected(AS_OF), home.triage(), None, home.settings, compared=compared)
