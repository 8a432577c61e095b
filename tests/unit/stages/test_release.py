"""From a registered version to the champion and back, with MLflow itself."""

import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from evergreen.digests import digest_table
from evergreen.errors import DigestMismatchError, PromotionConflictError, RegistryError, SmokeTestError, UndecidedError
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.registry.aliases import MlflowAliases
from evergreen.registry.mlflow_client import open_client
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import Evaluation, Outcome, SmokeTest
from evergreen.settings import Settings
from evergreen.stages.register import register
from evergreen.stages.release import promote, release, rollback
from evergreen.stages.smoke_test import smoke_test, stage
from evergreen.tables.feature_frames import read_features
from evergreen.tables.smoke_tests import kept_smoke_test
from released_models import AS_OF, MODEL, Judged, a_bundle, a_definition, a_feature_set, a_frame, judge


@pytest.fixture(scope="module")
def empty_mlflow(tmp_path_factory):
    """MLflow's tables, made once: that takes longer than any test here."""
    settings = Settings(home=tmp_path_factory.mktemp("mlflow"))
    open_client(settings).search_experiments()
    return settings.home / "mlflow.db"


@pytest.fixture
def settings(tmp_path, empty_mlflow):
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    return Settings(home=tmp_path)


def evaluated(settings: Settings, judged: Judged, features, *, shift: float = 0.0) -> Evaluation:
    """Store the challenger's answers as `evaluate` does."""
    frame = read_features(features, Files())
    predictor = load_predictor(Files(), judged.candidate.bundle_uri, judged.candidate.bundle_digest)
    answers = pa.table({"key": frame["_key"].tolist(), "challenger": predictor.probability(frame) + shift})
    buffer = io.BytesIO()
    pq.write_table(answers, buffer)
    uri = f"{settings.results_uri}/predictions.parquet"
    Files().write_bytes(uri, buffer.getvalue())
    measurement = {"predictions_uri": uri, "predictions_digest": digest_table(answers)}
    Files().write_bytes(f"{settings.results_uri}/measurement.json", json.dumps(measurement).encode())
    return Evaluation(
        model=MODEL,
        as_of=AS_OF,
        challenger=judged.candidate,
        baseline=judged.candidate,
        champion_version=judged.verdict.champion_version,
        measurement_uri=f"{settings.results_uri}/measurement.json",
        measurement_digest="m",
        holdout_digest="h",
        holdout_rows=len(frame),
        report_uri="/r",
    )


def ready_to_release(settings: Settings, judged: Judged) -> SmokeTest:
    """Register, and stand for a smoke test that went well."""
    return SmokeTest(
        registered=register(a_definition(), judged.verdict, settings),
        rows=1,
        max_difference=0.0,
        load_seconds=1.0,
        single_row_p50_ms=1.0,
        single_row_p99_ms=1.0,
        peak_memory_mb=1.0,
        pyfunc_max_difference=0.0,
    )


def released(settings: Settings, number: int, against: str | None):
    judged = judge(settings, a_bundle(settings, "baseline", seed=number), against=against)
    return release(a_definition(), ready_to_release(settings, judged), judged.verdict, settings, actor="night")


class TestSmokeTest:
    @pytest.fixture
    def features(self, settings):
        return a_feature_set(settings, a_frame(seed=7))

    @pytest.mark.parametrize("algorithm", ["logistic_regression", "xgboost"])
    def test_a_release_answers_as_it_was_judged(self, settings, features, algorithm):
        judged = judge(settings, a_bundle(settings, algorithm))
        registered = register(a_definition(), judged.verdict, settings)
        seen = smoke_test(a_definition(), registered, features, evaluated(settings, judged, features), settings)
        assert kept_smoke_test(ReleaseRegistry(settings).version(MODEL, registered.version), settings) == seen
        assert seen.rows == a_definition().release.smoke_rows
        assert seen.max_difference < 1e-9
        assert seen.pyfunc_max_difference < 1e-9
        assert 0 < seen.single_row_p50_ms <= seen.single_row_p99_ms
        assert 20 < seen.peak_memory_mb < 400
        assert seen.load_seconds > 0

    def test_answers_that_moved_are_refused(self, settings, features):
        definition = a_definition(release={"smoke_tolerance": 5e-4, "smoke_rows": 20})
        judged = judge(settings, a_bundle(settings, "baseline"))
        registered = register(definition, judged.verdict, settings)
        evaluation = evaluated(settings, judged, features, shift=1e-3)
        with pytest.raises(SmokeTestError, match="answers otherwise") as caught:
            smoke_test(definition, registered, features, evaluation, settings)
        assert kept_smoke_test(ReleaseRegistry(settings).version(MODEL, registered.version), settings) is None
        assert "0.001 over 20 rows" in caught.value.found

    @pytest.mark.parametrize(
        ("seen", "complaint"),
        [
            ({"max_difference": 1e-6, "pyfunc_max_difference": 1e-6, "peak_memory_mb": 1500.0}, None),
            ({"max_difference": 1.1e-6}, "the gateway's way"),
            ({"max_difference": float("inf")}, "the gateway's way"),
            ({"pyfunc_max_difference": 1.1e-6}, "plain MLflow"),
            ({"peak_memory_mb": 1500.1}, "too much memory"),
        ],
    )
    def test_each_limit_has_two_sides(self, seen, complaint):
        values = SmokeTest.model_construct(
            rows=9, max_difference=0.0, pyfunc_max_difference=0.0, peak_memory_mb=1.0, single_row_p99_ms=1.0
        )
        tested = values.model_copy(update=seen)
        if complaint is None:
            stage._require_within(tested, a_definition())
            return
        with pytest.raises(SmokeTestError, match=complaint):
            stage._require_within(tested, a_definition())

    @pytest.mark.parametrize("answers", [[0.5], [0.5, float("nan")], []])
    def test_missing_answers_are_infinitely_wrong(self, answers):
        assert stage._difference(answers, [0.5, 0.5]) == float("inf")
        assert stage._difference([0.5, 0.25], [0.5, 0.5]) == 0.25

    def test_another_model_behind_the_version_is_seen(self, settings, features):
        judged = judge(settings, a_bundle(settings, "logistic_regression"))
        registered = register(a_definition(), judged.verdict, settings)
        manifest = next(Path(settings.artifacts_uri, "mlflow").rglob("manifest.json"))
        manifest.write_text(manifest.read_text().replace('"slope": 0.9', '"slope": 0.1'))
        with pytest.raises(SmokeTestError, match="plain MLflow"):
            smoke_test(a_definition(), registered, features, evaluated(settings, judged, features), settings)

    def test_a_version_deleted_in_mlflow_is_named(self, settings, features):
        judged = judge(settings, a_bundle(settings, "baseline"))
        registered = register(a_definition(), judged.verdict, settings)
        open_client(settings).delete_model_version(MODEL, registered.version)
        with pytest.raises(SmokeTestError, match="not found"):
            smoke_test(a_definition(), registered, features, evaluated(settings, judged, features), settings)

    def test_a_changed_byte_is_refused_before_anything_runs(self, settings, features):
        judged = judge(settings, a_bundle(settings, "baseline"))
        registered = register(a_definition(), judged.verdict, settings)
        evaluation = evaluated(settings, judged, features)
        path = Path(registered.bundle_uri) / "model.json"
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
        with pytest.raises(DigestMismatchError):
            smoke_test(a_definition(), registered, features, evaluation, settings)

    def test_a_process_that_hangs_is_ended(self, settings, features, monkeypatch):
        judged = judge(settings, a_bundle(settings, "baseline"))
        registered = register(a_definition(), judged.verdict, settings)
        monkeypatch.setattr(stage, "TIMEOUT_SECONDS", 0.05)
        with pytest.raises(SmokeTestError, match="no answer after"):
            smoke_test(a_definition(), registered, features, evaluated(settings, judged, features), settings)

    def test_stored_answers_whose_rows_are_gone_prove_nothing(self, settings, features):
        judged = judge(settings, a_bundle(settings, "baseline"))
        registered = register(a_definition(), judged.verdict, settings)
        evaluation = evaluated(settings, judged, a_feature_set(settings, a_frame(seed=8), source="# other\n"))
        with pytest.raises(SmokeTestError, match="lost their rows"):
            smoke_test(a_definition(), registered, features, evaluation, settings)


class TestRelease:
    def test_the_aliases_tell_the_story(self, settings):
        first = released(settings, 1, None)
        assert (first.version, first.previous_version) == ("1", None)
        assert MlflowAliases(settings).read(MODEL) == {"champion": "1"}
        second = released(settings, 2, "1")
        assert (second.version, second.previous_version) == ("2", "1")
        assert MlflowAliases(settings).read(MODEL) == {"champion": "2", "previous": "1"}
        rollback(a_definition(), settings, "false alarms", actor="ada")
        assert MlflowAliases(settings).read(MODEL) == {"champion": "1", "previous": "2"}

    def test_an_alias_moved_by_hand_moves_no_champion_and_is_set_right(self, settings):
        released(settings, 1, None)
        released(settings, 2, "1")
        open_client(settings).set_registered_model_alias(MODEL, "champion", "1")
        assert ReleaseRegistry(settings).champion(MODEL).version == "2"
        ReleaseRegistry(settings).repair(MODEL)
        assert MlflowAliases(settings).read(MODEL)["champion"] == "2"

    def test_killed_between_the_database_and_mlflow(self, settings, monkeypatch):
        judged = judge(settings, a_bundle(settings, "baseline"))
        ready = ready_to_release(settings, judged)

        def killed(self, model, champion, previous):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(MlflowAliases, "show", killed)
            with pytest.raises(KeyboardInterrupt):
                release(a_definition(), ready, judged.verdict, settings)
        assert MlflowAliases(settings).read(MODEL) == {"challenger": "1"}
        assert release(a_definition(), ready, judged.verdict, settings).version == "1"
        assert MlflowAliases(settings).read(MODEL) == {"champion": "1"}
        assert len(ReleaseRegistry(settings).timeline(MODEL)) == 1

    def test_a_challenger_of_a_champion_that_is_gone(self, settings):
        released(settings, 1, None)
        late = judge(settings, a_bundle(settings, "baseline", seed=3), against="1")
        ready = ready_to_release(settings, late)
        released(settings, 2, "1")
        with pytest.raises(PromotionConflictError):
            release(a_definition(), ready, late.verdict, settings)
        assert ReleaseRegistry(settings).champion(MODEL).version == "3"

    def test_what_was_tested_must_be_what_was_decided_on(self, settings):
        ready = ready_to_release(settings, judge(settings, a_bundle(settings, "baseline")))
        other = judge(settings, a_bundle(settings, "baseline", seed=2))
        with pytest.raises(UndecidedError, match="what was tested"):
            release(a_definition(), ready, other.verdict, settings)

    def test_a_verdict_that_says_keep(self, settings):
        judged = judge(settings, a_bundle(settings, "baseline"))
        ready = ready_to_release(settings, judged)
        with pytest.raises(UndecidedError):
            release(a_definition(), ready, judged.verdict.model_copy(update={"outcome": Outcome.KEEP}), settings)

    def test_a_decision_changed_by_hand(self, settings):
        judged = judge(settings, a_bundle(settings, "baseline"), outcome=Outcome.KEEP)
        engine = create_engine(settings.database_url)
        with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
            connection.execute(text("UPDATE evergreen_decisions SET outcome = 'promote'"))
        engine.dispose()
        with pytest.raises(UndecidedError, match="says keep"):
            register(a_definition(), judged.verdict.model_copy(update={"outcome": Outcome.PROMOTE}), settings)

    def test_bytes_changed_after_the_smoke_test(self, settings):
        judged = judge(settings, a_bundle(settings, "baseline"))
        ready = ready_to_release(settings, judged)
        path = Path(judged.candidate.bundle_uri) / "features.py"
        path.write_bytes(path.read_bytes() + b"#")
        with pytest.raises(DigestMismatchError):
            release(a_definition(), ready, judged.verdict, settings)
        assert ReleaseRegistry(settings).champion(MODEL) is None

    def test_a_version_deleted_in_mlflow_is_not_released(self, settings):
        judged = judge(settings, a_bundle(settings, "baseline"))
        ready = ready_to_release(settings, judged)
        open_client(settings).delete_model_version(MODEL, "1")
        with pytest.raises(RegistryError, match="no longer has"):
            release(a_definition(), ready, judged.verdict, settings)
        assert ReleaseRegistry(settings).champion(MODEL) is None


class TestRollback:
    def test_checks_the_way_back_before_it_moves(self, settings):
        released(settings, 1, None)
        released(settings, 2, "1")
        gone = ReleaseRegistry(settings).version(MODEL, "1")
        (Path(gone.bundle_uri) / "model.json").unlink()
        with pytest.raises(DigestMismatchError):
            rollback(a_definition(), settings, "broken")
        assert ReleaseRegistry(settings).champion(MODEL).version == "2"

    def test_needs_a_reason(self, settings):
        with pytest.raises(RegistryError, match="reason"):
            rollback(a_definition(), settings, "  ")

    def test_works_when_mlflow_lost_the_version(self, settings, caplog):
        released(settings, 1, None)
        released(settings, 2, "1")
        open_client(settings).delete_model_version(MODEL, "1")
        assert rollback(a_definition(), settings, "broken").version == "1"
        assert "aliases did not follow" in caplog.text

    def test_a_repeated_task_moves_once(self, settings):
        released(settings, 1, None)
        released(settings, 2, "1")
        first = rollback(a_definition(), settings, "broken", request_id="manual__1")
        assert rollback(a_definition(), settings, "broken", request_id="manual__1") == first
        assert rollback(a_definition(), settings, "it was not", request_id="manual__2").version == "2"

    def test_a_challenger_on_trial_by_a_persons_word(self, settings):
        released(settings, 1, None)
        judged = judge(settings, a_bundle(settings, "baseline", seed=2), against="1")
        tried = a_definition(release={"rollout": "blue_green"})
        RolloutStore(settings.database_url).begin_step(
            model=MODEL,
            rollout_id=judged.record.id,
            mode="blue_green",
            version=ready_to_release(settings, judged).registered.version,
            champion_version="1",
            step=1,
            steps=1,
            share=1.0,
            key=(),
            actor="training",
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        assert promote(tried, settings, "seen enough").rollout == "blue_green"
        assert MlflowAliases(settings).read(MODEL) == {"champion": "2", "previous": "1"}
