"""A challenger on trial, and a person's hand on it: promote, roll back, pause."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen.errors import DigestMismatchError, PromotionConflictError, RegistryError, SmokeTestError, UndecidedError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry import releases
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import ChampionVersion, RegisteredVersion, SmokeTest
from evergreen.settings import Settings
from evergreen.stages.release import pause_rollout, promote, release, rollback
from evergreen.tables.smoke_tests import keep_smoke_test
from released_models import MODEL, Judged, Nowhere, a_bundle, a_definition, judge


@pytest.fixture
def settings(tmp_path, monkeypatch):
    # MLflow only mirrors what happens here, and takes seconds for it; test_release.py asks it.
    monkeypatch.setattr(releases, "MlflowAliases", lambda settings: Nowhere())
    return Settings(home=tmp_path)


def ready_to_release(settings: Settings, judged: Judged) -> SmokeTest:
    """Register under the next number, and stand for a smoke test that went well."""
    tested = registered(settings, judged)
    keep_smoke_test(tested, settings)
    return tested


def registered(settings: Settings, judged: Judged) -> SmokeTest:
    """Register under the next number."""
    registry = ReleaseRegistry(settings)
    known = [version for version in registry.versions(MODEL) if version.decision_id == judged.record.id]
    number = known[0].version if known else str(len(registry.versions(MODEL)) + 1)
    candidate = judged.candidate
    manifest, _ = read_bundle(Files(), candidate.bundle_uri, candidate.bundle_digest)
    place = {"bundle_uri": candidate.bundle_uri, "bundle_digest": candidate.bundle_digest, "decision_id": judged.record.id}
    registry.register(
        ChampionVersion(
            model=MODEL,
            version=number,
            mlflow_run_id="",
            trained_through=candidate.trained_through,
            features_source_digest=manifest.features_source_digest,
            **place,
        )
    )
    measures = ("max_difference", "load_seconds", "single_row_p50_ms", "single_row_p99_ms", "peak_memory_mb")
    return SmokeTest(
        registered=RegisteredVersion(model=MODEL, version=number, mlflow_run_id="", **place),
        rows=1,
        pyfunc_max_difference=0.0,
        **dict.fromkeys(measures, 0.0),
    )


def released(settings: Settings, number: int, against: str | None):
    judged = judge(settings, a_bundle(settings, "baseline", seed=number), against=against)
    return release(a_definition(), ready_to_release(settings, judged), judged.verdict, settings, actor="night")


CANARY = a_definition(release={"rollout": "canary", "trial": {"steps": [{"share": 0.1}, {"share": 1.0}]}})


def on_trial(settings: Settings, judged: Judged, step: int = 1, *, lasts: timedelta = timedelta(hours=1)):
    """Register, and try out as the training would."""
    return RolloutStore(settings.database_url).begin_step(
        model=MODEL,
        rollout_id=judged.record.id,
        mode="canary",
        version=ready_to_release(settings, judged).registered.version,
        champion_version=judged.verdict.champion_version,
        step=step,
        steps=len(CANARY.release.steps),
        share=CANARY.release.steps[step - 1].share,
        key=(),
        actor="training",
        expires_at=datetime.now(UTC) + lasts,
    )


@pytest.fixture
def challenger(settings):
    """A champion, version 1, and a challenger of it."""
    released(settings, 1, None)
    return judge(settings, a_bundle(settings, "baseline", seed=2), against="1")


def champion(settings: Settings) -> str:
    return ReleaseRegistry(settings).champion(MODEL).version


class TestReleaseAfterATrial:
    def test_a_first_champion_is_released_directly(self, settings):
        judged = judge(settings, a_bundle(settings, "baseline"))
        done = release(CANARY, ready_to_release(settings, judged), judged.verdict, settings)
        assert (done.version, done.rollout) == ("1", "direct")

    def test_goes_with_the_last_step_and_ends_the_rollout(self, settings, challenger):
        ready = ready_to_release(settings, challenger)
        with pytest.raises(UndecidedError, match="not on trial"):
            release(CANARY, ready, challenger.verdict, settings)
        on_trial(settings, challenger)
        with pytest.raises(RegistryError, match="not over"):
            release(CANARY, ready, challenger.verdict, settings)
        on_trial(settings, challenger, 2)
        done = release(CANARY, ready, challenger.verdict, settings, actor="night")
        assert (done.version, done.rollout) == ("2", "canary")
        assert release(CANARY, ready, challenger.verdict, settings) == done
        assert RolloutStore(settings.database_url).history(MODEL, limit=1)[0].action == "promoted"

    def test_not_of_a_challenger_that_was_taken_back_a_moment_ago(self, settings, challenger):
        ready = ready_to_release(settings, challenger)
        for step in (1, 2):
            on_trial(settings, challenger, step)
        rollback(CANARY, settings, "it answers nonsense", actor="ada")
        with pytest.raises(UndecidedError, match="not on trial") as caught:
            release(CANARY, ready, challenger.verdict, settings)
        assert "it answers nonsense" in caught.value.found
        assert champion(settings) == "1"

    def test_untried_on_purpose(self, settings, challenger):
        ready = ready_to_release(settings, challenger)
        done = release(CANARY, ready, challenger.verdict, settings, skip_trial=True)
        assert (done.version, done.rollout) == ("2", "direct")


class TestPromoteByHand:
    def test_the_challenger_on_trial_at_any_step(self, settings, challenger):
        on_trial(settings, challenger)
        pause_rollout(CANARY, settings, "look at it first")
        done = promote(CANARY, settings, " snow ", actor="ada")
        assert (done.version, done.previous_version, done.rollout) == ("2", "1", "canary")
        (move, _) = ReleaseRegistry(settings).timeline(MODEL)
        assert (move.reason, move.actor) == ("snow (step 1 of 2 of its trial)", "ada")
        assert RolloutStore(settings.database_url).current(MODEL) is None

    def test_a_registered_version_without_a_trial(self, settings, challenger):
        ready_to_release(settings, challenger)
        done = promote(a_definition(), settings, "approved by mail", version="2")
        assert (done.version, done.rollout) == ("2", "direct")
        assert ReleaseRegistry(settings).timeline(MODEL)[0].reason == "approved by mail"

    def test_another_version_ends_the_trial(self, settings, challenger):
        on_trial(settings, challenger)
        other = judge(settings, a_bundle(settings, "baseline", seed=3), against="1")
        ready_to_release(settings, other)
        assert promote(CANARY, settings, "the third is the one", version="3").rollout == "direct"
        (ended,) = RolloutStore(settings.database_url).history(MODEL, limit=1)
        assert (ended.action, ended.version) == ("rolled_back", "2")

    def test_one_that_was_taken_back_only_by_its_name(self, settings, challenger):
        on_trial(settings, challenger)
        rollback(CANARY, settings, "a false alarm, as it turned out")
        with pytest.raises(RegistryError, match="nothing to promote"):
            promote(CANARY, settings, "why")
        assert promote(CANARY, settings, "it was the network", version="2").version == "2"

    def test_one_that_has_expired_only_by_its_name(self, settings, challenger):
        on_trial(settings, challenger, lasts=timedelta(seconds=-1))
        with pytest.raises(RegistryError, match="nothing to promote"):
            promote(CANARY, settings, "why")
        assert promote(CANARY, settings, "it was fine", version="2").version == "2"

    def test_needs_a_decision_against_the_present_champion(self, settings, challenger):
        late = judge(settings, a_bundle(settings, "baseline", seed=3), against="1")
        ready_to_release(settings, late)
        released(settings, 2, "1")
        with pytest.raises(PromotionConflictError):
            promote(a_definition(), settings, "why", version="2")

    def test_needs_a_version_that_was_registered(self, settings, challenger):
        with pytest.raises(UndecidedError, match="not one that Evergreen registered"):
            promote(a_definition(), settings, "why", version="9")
        registered(settings, challenger)
        with pytest.raises(UndecidedError) as caught:
            promote(a_definition(), settings, "why", version="9")
        assert caught.value.allowed == "version 2, 1"

    def test_needs_a_smoke_test_that_went_well(self, settings, challenger):
        registered(settings, challenger)
        with pytest.raises(SmokeTestError, match="no smoke test") as caught:
            promote(a_definition(), settings, "why", version="2")
        assert all((caught.value.what, caught.value.found, caught.value.allowed, caught.value.remedy))
        ready_to_release(settings, challenger)
        assert promote(a_definition(), settings, "why", version="2").version == "2"

    def test_a_version_that_was_taken_back_comes_by_rollback(self, settings, challenger):
        released(settings, 2, "1")
        rollback(a_definition(), settings, "broken")
        with pytest.raises(UndecidedError, match="used already") as caught:
            promote(a_definition(), settings, "why", version="2")
        assert "evergreen rollback" in caught.value.remedy

    def test_changed_bytes_are_not_released(self, settings, challenger):
        on_trial(settings, challenger)
        (Path(challenger.candidate.bundle_uri) / "model.json").unlink()
        with pytest.raises(DigestMismatchError):
            promote(CANARY, settings, "why")
        assert champion(settings) == "1"

    def test_a_repeated_task_promotes_once(self, settings, challenger):
        on_trial(settings, challenger)
        first = promote(CANARY, settings, "why", request_id="manual__1")
        rollback(CANARY, settings, "broken")
        assert promote(CANARY, settings, "why", request_id="manual__1") == first
        assert champion(settings) == "1"

    @pytest.mark.parametrize("act", [promote, rollback, pause_rollout])
    def test_needs_a_reason(self, settings, act):
        with pytest.raises(RegistryError, match="need a reason") as caught:
            act(a_definition(), settings, " ")
        assert all((caught.value.what, caught.value.found, caught.value.allowed, caught.value.remedy))


class TestRollbackOfATrial:
    def test_leaves_the_champion(self, settings, challenger):
        on_trial(settings, challenger)
        ended = rollback(CANARY, settings, " nonsense ", actor="ada")
        assert (ended.action, ended.version, ended.champion_version) == ("rolled_back", "2", "1")
        assert (ended.reasons, ended.actor) == (("nonsense",), "ada")
        assert champion(settings) == "1"

    def test_of_one_that_has_expired_too(self, settings, challenger):
        on_trial(settings, challenger, lasts=timedelta(seconds=-1))
        assert rollback(CANARY, settings, "it hangs").version == "2"
        assert champion(settings) == "1"

    def test_then_the_champion(self, settings, challenger):
        released(settings, 2, "1")
        third = judge(settings, a_bundle(settings, "baseline", seed=3), against="2")
        on_trial(settings, third)
        rollback(CANARY, settings, "the challenger first")
        assert champion(settings) == "2"
        assert rollback(CANARY, settings, "the champion as well").version == "1"

    def test_a_named_version_means_the_champion(self, settings, challenger):
        released(settings, 2, "1")
        third = judge(settings, a_bundle(settings, "baseline", seed=3), against="2")
        on_trial(settings, third)
        assert rollback(CANARY, settings, "both are bad", to_version="1").version == "1"
        assert RolloutStore(settings.database_url).history(MODEL, limit=1)[0].action == "rolled_back"

    def test_a_repeated_task_takes_back_one_thing(self, settings, challenger):
        released(settings, 2, "1")
        third = judge(settings, a_bundle(settings, "baseline", seed=3), against="2")
        on_trial(settings, third)
        ended = rollback(CANARY, settings, "bad", request_id="manual__1")
        assert rollback(CANARY, settings, "bad", request_id="manual__1") == ended
        assert champion(settings) == "2"

    def test_a_repeated_task_of_the_champion_leaves_a_later_trial_alone(self, settings, challenger):
        released(settings, 2, "1")
        back = rollback(CANARY, settings, "bad", request_id="manual__1")
        third = judge(settings, a_bundle(settings, "baseline", seed=3), against="1")
        begun = on_trial(settings, third)
        assert rollback(CANARY, settings, "bad", request_id="manual__1") == back
        assert RolloutStore(settings.database_url).current(MODEL) == begun

    def test_of_one_that_was_promoted_a_moment_ago(self, settings, challenger):
        begun = on_trial(settings, challenger)
        promote(CANARY, settings, "why")
        with pytest.raises(PromotionConflictError, match="promoted meanwhile"):
            rollback(CANARY, settings, "bad", asked_at=begun.happened_at)
        assert champion(settings) == "2"

    def test_of_one_that_somebody_else_took_back_while_the_task_had_to_wait(self, settings, challenger):
        released(settings, 2, "1")
        begun = on_trial(settings, judge(settings, a_bundle(settings, "baseline", seed=3), against="2"))
        ended = rollback(CANARY, settings, "too slow", actor="training")
        assert rollback(CANARY, settings, "bad", actor="ada", asked_at=begun.happened_at) == ended
        assert champion(settings) == "2"
        # Whoever asks now has seen that it is over.
        assert rollback(CANARY, settings, "bad", actor="ada", asked_at=datetime.now(UTC)).version == "1"

    def test_a_champion_that_came_while_the_task_had_to_wait_is_not_meant(self, settings, challenger):
        asked_at = datetime.now(UTC)
        released(settings, 2, "1")
        with pytest.raises(PromotionConflictError, match="has moved since") as caught:
            rollback(CANARY, settings, "version 1 is bad", request_id="manual__1", asked_at=asked_at)
        assert all((caught.value.what, caught.value.found, caught.value.allowed, caught.value.remedy))
        assert champion(settings) == "2"
        asked_at = datetime.now(UTC)
        back = rollback(CANARY, settings, "version 2 is bad", request_id="manual__2", asked_at=asked_at)
        assert rollback(CANARY, settings, "version 2 is bad", request_id="manual__2", asked_at=asked_at) == back
        assert champion(settings) == "1"

    def test_one_that_began_while_the_task_had_to_wait_is_not_meant(self, settings, challenger):
        released(settings, 2, "1")
        asked_at = datetime.now(UTC)
        on_trial(settings, judge(settings, a_bundle(settings, "baseline", seed=3), against="2"))
        with pytest.raises(RegistryError, match="nothing to promote"):
            promote(CANARY, settings, "why", asked_at=asked_at)
        assert rollback(CANARY, settings, "the champion is bad", asked_at=asked_at).version == "1"
        assert RolloutStore(settings.database_url).current(MODEL) is None


class TestPause:
    def test_and_resume(self, settings, challenger):
        on_trial(settings, challenger)
        assert pause_rollout(CANARY, settings, "wait for Monday", actor="ada").is_paused
        assert not pause_rollout(CANARY, settings, "Monday", resume=True).is_paused

    def test_a_repeated_task_does_not_undo_what_came_after_it(self, settings, challenger):
        on_trial(settings, challenger)
        pause_rollout(CANARY, settings, "wait", request_id="manual__1")
        pause_rollout(CANARY, settings, "go on", resume=True, request_id="manual__2")
        pause_rollout(CANARY, settings, "wait", request_id="manual__1")
        assert not RolloutStore(settings.database_url).current(MODEL).is_paused

    def test_needs_a_challenger_on_trial(self, settings, challenger):
        with pytest.raises(RegistryError, match="no challenger is on trial"):
            pause_rollout(CANARY, settings, "why")
