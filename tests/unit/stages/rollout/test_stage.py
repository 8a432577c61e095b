"""A rollout from its first step to its end, on the table that the gateway's answers are shipped to."""

import math
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.definitions.release import ReleasePlan
from evergreen.errors import DigestMismatchError, RegistryError, RequestError, UndecidedError
from evergreen.files import Files
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import ChampionVersion, Outcome, RegisteredVersion, RolloutLook, SmokeTest
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.settings import Settings
from evergreen.stages.rollout import begin_step, conclude, kept_trials, look
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from logged_answers import a_release, an_answer, microseconds
from released_models import MODEL, Judged, a_bundle, a_definition, judge, register_without_mlflow, release_without_mlflow

PLAN = ReleasePlan.model_validate(
    {
        "rollout": "canary",
        "trial": {"steps": [{"share": share, "hold": "1m", "min_requests": 20} for share in (0.1, 1.0)], "give_up_after": "1h"},
    }
)
DEFINITION = a_definition(release=PLAN.model_dump(mode="json"))


class Trial:
    """A champion, version 1, and a challenger, version 2, that may be tried out."""

    def __init__(self, settings: Settings, judged: Judged, version: ChampionVersion) -> None:
        self.settings = settings
        self.judged = judged
        self.tested = SmokeTest(
            registered=RegisteredVersion(
                model=MODEL,
                version=version.version,
                bundle_digest=version.bundle_digest,
                bundle_uri=version.bundle_uri,
                decision_id=version.decision_id,
                mlflow_run_id="",
            ),
            rows=1,
            max_difference=0.0,
            load_seconds=1.0,
            single_row_p50_ms=1.0,
            single_row_p99_ms=1.0,
            peak_memory_mb=1.0,
            pyfunc_max_difference=0.0,
        )
        self.rollout_id = self.judged.record.id
        self.shipped = 0

    def begin(self, step=1, definition=DEFINITION):
        return begin_step(definition, self.tested, self.judged.verdict, step, self.settings, actor="training")

    def look(self, step=1, after=timedelta(minutes=2), definition=DEFINITION) -> RolloutLook:
        return look(definition, self.rollout_id, step, self.settings, now=datetime.now(UTC) + after)

    def answer(self, *changes):
        """Ship one record of the challenger for each mapping of changes."""
        now = microseconds(datetime.now(UTC))
        usual = {
            "role": "canary",
            "release_version": "2",
            "rollout_id": self.rollout_id,
            "compute_us": 50,
            "champion_compute_us": 45,
            "champion_decision": False,
            "decision": False,
            "worker_mb": 300.0,
        }
        records = []
        for place, change in enumerate(changes):
            number = self.shipped * 1000 + place
            own = {"probability": number % 97 / 97, "champion_probability": number % 97 / 97}
            own["answered_at_us"] = now + 1000 * place
            records.append(an_answer(number, **{**usual, **own, **change}))
        self.shipped += 1
        rows = served_rows(records, {a_release().bundle_digest: a_release()})
        table = ServedTable(served_uri(self.settings, MODEL), Files())
        table.append(rows, sender="gateway", number=self.shipped)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Bundles and books, made once: that takes longer than any test here."""
    settings = Settings(home=tmp_path_factory.mktemp("released"))
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    judged = judge(settings, a_bundle(settings, "logistic_regression"), against="1")
    return settings, judged, register_without_mlflow(settings, 2, judged)


@pytest.fixture
def trial(tmp_path, released):
    settings, judged, version = released
    shutil.copy(settings.home / "evergreen.db", tmp_path)
    return Trial(Settings(home=tmp_path), judged, version)


def some(requests, **changes):
    return [changes] * requests


def test_a_good_challenger_passes_every_step(trial):
    begun = trial.begin()
    assert (begun.step, begun.share, begun.mode, begun.champion_version) == (1, 0.1, "canary", "1")
    assert begun.expires_at - datetime.now(UTC) > timedelta(minutes=59)
    waits = trial.look()
    assert (waits.outcome, waits.requests, waits.evidence_uri) == ("wait", 0, "")
    trial.answer(*some(19))
    assert trial.look().reasons == ("19 of 20 requests so far.",)
    trial.answer(*some(1))
    assert trial.look(after=timedelta(seconds=30)).reasons == ("30 s of 60 s so far.",)
    passed = trial.look()
    assert (passed.outcome, passed.requests, passed.version) == ("pass", 20, "2")
    concluded = conclude(DEFINITION, passed, trial.settings, actor="training")
    assert concluded == passed.model_copy(update={"report_uri": concluded.report_uri})
    assert b"Passed" in Files().read_bytes(concluded.report_uri)
    ((kept, same),) = kept_trials(MODEL, trial.rollout_id, trial.settings)
    assert (kept.decision.reasons, same) == (passed.reasons, True)

    assert trial.begin(2).share == 1.0
    waits = trial.look(2)
    assert (waits.outcome, waits.requests) == ("wait", 0), "what was asked in the first step does not count for the second"
    trial.answer(*some(20))
    assert trial.look(2).outcome == "pass"
    assert trial.look(1).outcome == "pass", "a step that is over has been passed"


def test_a_bad_challenger_is_taken_back_with_its_evidence(trial):
    trial.begin()
    trial.answer(*some(30))
    now = microseconds(datetime.now(UTC))
    failure = {"role": "failed", "probability": math.nan, "error": "ValueError"}
    trial.answer(*({**failure, "answered_at_us": now + 1_000_000 * second} for second in range(10)))
    found = trial.look(after=timedelta(seconds=1))
    assert found.outcome == "roll_back", "before the step's time is over"
    assert found.reasons[0].startswith("It could not answer 10 of 40 requests (25.0 %), mostly: ValueError (10); at most 0.5 %")
    concluded = conclude(DEFINITION, found, trial.settings, actor="training")
    assert b"Taken back" in Files().read_bytes(concluded.report_uri)
    ended = RolloutStore(trial.settings.database_url).history(MODEL)[0]
    assert (ended.action, ended.reasons, ended.actor) == ("rolled_back", found.reasons, "training")
    assert (ended.evidence_uri, ended.evidence_digest) == (found.evidence_uri, found.evidence_digest)
    assert conclude(DEFINITION, found, trial.settings, actor="training") == concluded
    assert len(RolloutStore(trial.settings.database_url).history(MODEL)) == 2
    assert trial.look().outcome == "rolled_back"


def test_without_requests_it_is_taken_back_when_its_time_is_over(trial):
    trial.begin()
    trial.answer(*some(7))
    assert trial.look(after=timedelta(minutes=59)).outcome == "wait"
    found = trial.look(after=timedelta(hours=1))
    assert found.outcome == "roll_back"
    assert found.reasons[0].endswith("only 7 of 20 requests came.")


def test_a_paused_step_does_not_end_and_a_resumed_one_does(trial):
    trial.begin()
    trial.answer(*some(20))
    store = RolloutStore(trial.settings.database_url)
    store.pause(MODEL, reason="holiday", actor="ada")
    assert trial.look().reasons == ("Paused by ada: holiday.",)
    assert trial.look(after=timedelta(hours=2)).reasons[0].endswith("it was paused by ada: holiday.")
    store.resume(MODEL, reason="back", actor="ada")
    assert trial.look().outcome == "pass"


def test_records_of_others_are_not_looked_at(trial):
    trial.begin()
    trial.answer(*some(30, rollout_id="another"), *some(30, role="champion", rollout_id="", release_version="1"))
    assert (trial.look().outcome, trial.look().requests) == ("wait", 0)


def test_a_table_from_before_there_were_rollouts_has_no_records(trial):
    trial.begin()
    rows = served_rows([an_answer(1)], {a_release().bundle_digest: a_release()})
    old = rows.drop_columns(["rollout_id", "error", "champion_probability", "champion_decision", "champion_compute_us"])
    ServedTable(served_uri(trial.settings, MODEL), Files()).append(old, sender="old", number=1)
    assert (trial.look().outcome, trial.look().requests) == ("wait", 0)


def test_who_was_faster_is_told_of(trial):
    trial.begin()
    trial.answer(*some(20))
    passed = trial.look()
    RolloutStore(trial.settings.database_url).roll_back(MODEL, trial.rollout_id, reasons=("no",), actor="ada")
    seen = trial.look()
    assert (seen.outcome, seen.reasons) == ("rolled_back", ("no",))
    assert conclude(DEFINITION, seen, trial.settings, actor="training") == seen
    assert conclude(DEFINITION, passed, trial.settings, actor="training").outcome == "pass", "releasing it is refused later"


@pytest.mark.parametrize("what", ["evidence", "step", "outcome", "reasons"])
def test_changed_evidence_is_not_acted_on(trial, what):
    trial.begin()
    trial.answer(*some(20))
    passed = trial.look()
    if what == "evidence":
        data = Files().read_bytes(passed.evidence_uri)
        Files().write_bytes(passed.evidence_uri, data.replace(b'"step_requests":20', b'"step_requests":21'))
    changes = {"step": {"step": 2}, "outcome": {"outcome": "roll_back"}, "reasons": {"reasons": ("bad",)}}
    with pytest.raises(DigestMismatchError):
        conclude(DEFINITION, passed.model_copy(update=changes.get(what, {})), trial.settings, actor="training")
    assert RolloutStore(trial.settings.database_url).current(MODEL) is not None


def test_evidence_that_was_changed_is_not_decided_on_again(trial):
    trial.begin()
    trial.answer(*some(20))
    uri = trial.look().evidence_uri
    Files().write_bytes(uri, Files().read_bytes(uri).replace(b'"step_requests":20', b'"step_requests":21'))
    with pytest.raises(DigestMismatchError, match="was changed"):
        kept_trials(MODEL, trial.rollout_id, trial.settings)


def test_a_step_that_goes_on_cannot_be_concluded(trial):
    trial.begin()
    with pytest.raises(RequestError, match="goes on"):
        conclude(DEFINITION, trial.look(), trial.settings, actor="training")


def test_what_has_not_begun_cannot_be_looked_at(trial):
    with pytest.raises(RegistryError, match="has not begun"):
        trial.look()
    trial.begin()
    with pytest.raises(RegistryError, match="has not begun"):
        trial.look(2)


@pytest.mark.parametrize("step", [0, 3])
def test_only_steps_of_the_definition_begin(trial, step):
    with pytest.raises(RequestError, match="no such step"):
        trial.begin(step)


def test_a_direct_rollout_and_a_first_champion_have_no_steps(trial):
    with pytest.raises(RequestError, match="no such step"):
        trial.begin(1, a_definition())
    first = trial.judged.verdict.model_copy(update={"champion_version": None})
    with pytest.raises(RequestError, match="no such step"):
        begin_step(DEFINITION, trial.tested, first, 1, trial.settings, actor="")


@pytest.mark.parametrize(
    "change", [{"outcome": Outcome.KEEP}, {"decision_id": "e" * 32}], ids=["a verdict that says no", "another decision"]
)
def test_what_was_not_decided_is_not_tried_out(trial, change):
    verdict = trial.judged.verdict.model_copy(update=change)
    with pytest.raises(UndecidedError, match="not what was decided"):
        begin_step(DEFINITION, trial.tested, verdict, 1, trial.settings, actor="")


def test_a_definition_that_has_lost_its_steps_meanwhile_still_ends_the_trial(trial):
    trial.begin()
    trial.answer(*some(200))
    assert look(a_definition(), trial.rollout_id, 1, trial.settings).outcome == "wait"
