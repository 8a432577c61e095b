"""The whole stage and the gate after it, on true bundles and stored features."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, FeatureError, RequestError
from evergreen.files import Files
from evergreen.measurement import Measurement
from evergreen.registry.decisions import DecisionStore
from evergreen.reports.gate_report import render_gate_page
from evergreen.results import ChampionVersion, Outcome, canonical_bytes
from evergreen.settings import Settings
from evergreen.stages.evaluate import evaluate, recompute_statistics
from evergreen.stages.gate import gate, read_ruling, replay
from evergreen.tables.addresses import labels_uri
from evergreen.tables.day_table import DayTable
from released_models import MODEL, SOURCE, a_bundle, a_definition, a_feature_set, a_frame

DAYS = 24
HOLDOUT_DAYS = 12
RULES = {
    "holdout": f"{HOLDOUT_DAYS}d",
    "min_rows": 300,
    "min_days": 10,
    "slices": [{"by": "carrier", "min_rows": 100, "max_drop": 0.3}],
    "resamples": 200,
    "guards": [{"metric": "roc_auc", "limit": 0.6}],
}


class Night:
    """One home with features of 24 days, labels and trained bundles."""

    def __init__(self, home):
        self.settings = Settings(home=home)
        self.files = Files()
        self.definition = a_definition(gate=RULES)
        self.features = self.write_features(a_frame(rows=3600, seed=7, days=DAYS))
        self.candidates = [self.train(name, auc) for name, auc in (("baseline", 0.5), ("logistic_regression", 0.8))]

    def write_features(self, frame, *, source=SOURCE, unlabelled=()):
        frame = frame.assign(_slice_carrier=frame["carrier"])
        last_day = max(frame["_day"])
        as_of = datetime.combine(last_day, datetime.min.time(), tzinfo=UTC) + timedelta(days=3)
        features = a_feature_set(self.settings, frame, source=source, as_of=as_of)
        chance = 1 / (1 + np.exp(-(frame["temp"].fillna(40) + 10 * (frame["carrier"] == "AA") - 52) / 6))
        labels = pd.DataFrame(
            {
                "_key": frame["_key"],
                "_label": (np.random.default_rng(3).random(len(frame)) < chance).astype(float),
                "_label_available_at": frame["_event_time"] + timedelta(days=1),
                "_day": frame["_day"],
            }
        )
        labels = labels[~labels["_key"].isin(list(unlabelled))]
        days = {
            day: pa.Table.from_pandas(rows.drop(columns="_day"), preserve_index=False) for day, rows in labels.groupby("_day")
        }
        uri = labels_uri(self.settings, MODEL)
        written = DayTable(uri, Files()).write_days(days)
        fields = {
            "labels_uri": uri,
            "labels_version": written.version,
            "slice_columns": ("carrier",),
            "numeric": ("distance", "temp"),
        }
        return features.model_copy(update=fields)

    def train(self, name, auc=0.8, seed=1):
        candidate = a_bundle(self.settings, name, seed=seed)
        return candidate.model_copy(update={"features_digest": self.features.digest, "metrics": {"roc_auc": auc}})

    def champion(self, name="baseline", *, through=None, seed=2):
        candidate = self.train(name, seed=seed)
        return ChampionVersion(
            model=MODEL,
            version="4",
            bundle_uri=candidate.bundle_uri,
            bundle_digest=candidate.bundle_digest,
            decision_id="d" * 32,
            mlflow_run_id="",
            trained_through=through or candidate.trained_through,
            features_source_digest=digest_bytes(SOURCE.encode()),
        )

    def evaluate(self, champion=None, **changes):
        return evaluate(self.definition, self.features, self.candidates, champion, self.settings, **changes)

    def measured(self, evaluation):
        return Measurement.from_bytes(self.files.read_bytes(evaluation.measurement_uri))


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Draw no page and time few calls, but where a test asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        for stage in ("evaluate", "gate"):
            patch.setattr(f"evergreen.stages.{stage}.stage.render_gate_page", lambda *_, **__: "no page")
        patch.setattr("evergreen.stages.evaluate.serving.CALLS", 5)
        yield


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Night(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def first(night):
    return night.evaluate()


def test_all_models_answer_the_same_unseen_rows(night, first):
    measured = night.measured(first)
    assert [model.role for model in measured.models] == ["challenger", "baseline"]
    assert first.challenger.name == "logistic_regression"
    assert measured.overlapping_rows == 0
    assert measured.statistics.days == HOLDOUT_DAYS
    assert measured.statistics.first_day == date(2013, 3, 13)
    assert measured.statistics.rows == first.holdout_rows == HOLDOUT_DAYS * 150
    assert measured.statistics.metrics["challenger"]["roc_auc"] > 0.8
    assert measured.serving.single_row_p99_ms >= measured.serving.single_row_p50_ms > 0


def test_the_statistics_come_again_from_the_stored_answers_byte_for_byte(night, first):
    measured = night.measured(first)
    again = recompute_statistics(measured, night.files)
    assert canonical_bytes(again) == canonical_bytes(measured.statistics)


def test_changed_answers_are_noticed(night, first, tmp_path):
    measured = night.measured(first)
    data = night.files.read_bytes(measured.predictions_uri)
    copy = tmp_path / "predictions.parquet"
    copy.write_bytes(data)
    moved = measured.model_copy(update={"predictions_uri": str(copy), "predictions_digest": "0" * 32})
    with pytest.raises(DigestMismatchError, match="stored answers"):
        recompute_statistics(moved, night.files)


def test_a_second_run_measures_nothing_and_force_measures_again(night, first):
    assert night.evaluate() == first
    forced = night.evaluate(force=True)
    assert forced.holdout_digest == first.holdout_digest
    assert night.measured(forced).statistics == night.measured(first).statistics


@pytest.mark.parametrize("lost", ["measurement_uri", "predictions_uri"])
def test_an_evaluation_whose_evidence_is_lost_is_measured_again(night, lost):
    champion = night.champion(seed=60)
    known = night.evaluate(champion)
    Path(getattr(known, lost)).unlink()
    again = night.evaluate(champion)
    assert night.files.exists(again.predictions_uri)
    assert canonical_bytes(recompute_statistics(night.measured(again), night.files)) == canonical_bytes(
        night.measured(again).statistics
    )
    assert again.holdout_digest == known.holdout_digest


def test_another_threshold_measures_nothing_again_and_other_terms_do(night):
    loose = a_definition(gate=RULES | {"min_rows": 5})
    other = a_definition(gate=RULES | {"seed": 5})
    rows = (night.features, night.candidates, None, night.settings)
    known = night.evaluate()
    assert evaluate(loose, *rows) == known
    assert evaluate(other, *rows).measurement_uri.rpartition("/")[0] != known.measurement_uri.rpartition("/")[0]


def test_the_gate_decides_records_and_shows(night, first, monkeypatch):
    monkeypatch.setattr("evergreen.stages.gate.stage.render_gate_page", render_gate_page)
    verdict = gate(night.definition, first, night.settings)
    assert verdict.outcome is Outcome.PROMOTE, verdict.reasons
    record = DecisionStore(night.settings.database_url).get(verdict.decision_id)
    assert record.challenger_digest == first.challenger.bundle_digest
    assert record.measurement_digest == first.measurement_digest
    page = night.files.read_bytes(verdict.report_uri).decode()
    assert "Promote" in page
    assert verdict.decision_id in page
    assert gate(night.definition, first, night.settings) == verdict


def test_a_decision_is_taken_again_from_what_was_kept_even_when_the_definition_has_changed(night, first):
    verdict = gate(night.definition, first, night.settings)
    record = DecisionStore(night.settings.database_url).get(verdict.decision_id)
    today = a_definition(gate=RULES | {"min_rows": 10**6})
    ruled = read_ruling(today, record, night.files)
    again = replay(night.files.read_bytes(record.measurement_uri), ruled.rules)
    assert again.to_bytes() == ruled.decision.to_bytes()
    assert again.reasons == record.reasons
    assert gate(today, first, night.settings).outcome is Outcome.INCONCLUSIVE


def test_changed_thresholds_beside_a_record_are_noticed(night, first, tmp_path):
    verdict = gate(night.definition, first, night.settings)
    record = DecisionStore(night.settings.database_url).get(verdict.decision_id)
    with pytest.raises(DigestMismatchError, match="thresholds"):
        read_ruling(
            night.definition,
            record.model_copy(update={"gate_digest": "0" * 32, "outcome": record.outcome}),
            _Instead(night.files, record.measurement_uri.rpartition("/")[0], record.id),
        )


class _Instead(Files):
    """Reads the decision of one id whatever id is asked for."""

    def __init__(self, files, folder, decision_id):
        super().__init__()
        self._other = f"{folder}/decision-{decision_id}.json"

    def read_bytes(self, uri):
        return super().read_bytes(self._other)


def test_a_changed_measurement_decides_nothing(night, first):
    with pytest.raises(DigestMismatchError, match="not the one that was evaluated"):
        gate(night.definition, first.model_copy(update={"measurement_digest": "0" * 32}), night.settings)
    with pytest.raises(DigestMismatchError, match="a measurement of"):
        gate(night.definition, first.model_copy(update={"champion_version": "9"}), night.settings)


def test_a_champion_is_judged_beside_the_challenger(night):
    measured = night.measured(night.evaluate(night.champion()))
    assert [model.role for model in measured.models] == ["challenger", "champion", "baseline"]
    assert measured.reference == "champion"
    assert measured.judged("champion").version == "4"


def test_the_champion_as_its_own_challenger_is_kept(night):
    own = night.champion("logistic_regression", seed=1)
    evaluation = night.evaluate(own)
    comparison = night.measured(evaluation).statistics.comparison("champion", "roc_auc")
    assert (comparison.improvement, comparison.lower, comparison.upper) == (0, 0, 0)
    assert gate(night.definition, evaluation, night.settings).outcome is Outcome.KEEP


class TestWatermarks:
    @pytest.mark.parametrize(("after_days", "judged_days"), [(-1, 12), (0, 11), (5, 6), (30, 0)])
    def test_only_whole_days_after_every_watermark_count(self, night, monkeypatch, after_days, judged_days):
        """A champion trained as far as noon of some day of the holdout: judging begins the day after."""
        through = datetime(2013, 3, 13, 12, tzinfo=UTC) + timedelta(days=after_days)
        from evergreen.stages.evaluate import stage

        described = stage._describe
        monkeypatch.setattr(
            stage,
            "_describe",
            lambda contest, role, predictor: described(contest, role, predictor).model_copy(
                update={"trained_through": through} if role == "champion" else {}
            ),
        )
        evaluation = night.evaluate(night.champion(seed=20 + after_days))
        measured = night.measured(evaluation)
        assert measured.statistics.days == judged_days
        assert measured.unjudged_rows == (HOLDOUT_DAYS - judged_days) * 150
        assert measured.overlapping_rows == 0
        verdict = gate(night.definition, evaluation, night.settings)
        assert (verdict.outcome is Outcome.INCONCLUSIVE) is (judged_days < 10)


class TestChampionFeatures:
    OTHER = SOURCE + "# an older way\n"

    def test_they_are_matched_by_key(self, night):
        frame = a_frame(rows=3600, seed=7, days=DAYS)
        own = night.write_features(frame, source=self.OTHER)
        measured = night.measured(night.evaluate(night.champion(seed=40), champion_features=own))
        assert measured.judged("champion").features_digest == own.digest

    def test_judging_ends_where_the_champion_cannot_predict_yet(self, night):
        frame = a_frame(rows=3600, seed=7, days=DAYS)
        own = night.write_features(frame[frame["_day"] < max(frame["_day"])], source=self.OTHER + "##")
        own = own.model_copy(update={"labels_version": night.features.labels_version})
        measured = night.measured(night.evaluate(night.champion(seed=42), champion_features=own))
        assert (measured.statistics.days, measured.unjudged_rows) == (HOLDOUT_DAYS - 1, 150)

    def test_other_rows_are_an_error(self, night):
        fewer = a_frame(rows=3600, seed=7, days=DAYS).iloc[:-1]
        own = night.write_features(fewer, source=self.OTHER + "#")
        with pytest.raises(FeatureError, match="not of the challenger's rows"):
            night.evaluate(night.champion(seed=41), champion_features=own)


class TestExcludedDays:
    EXCLUDED = (date(2013, 3, 14), date(2013, 3, 20))

    def test_nobody_is_judged_on_them(self, night, first):
        features = night.features.model_copy(update={"excluded_days": self.EXCLUDED})
        evaluation = evaluate(night.definition, features, night.candidates, None, night.settings)
        assert evaluation.measurement_uri != first.measurement_uri, "the measurement of all days is not taken for this one"
        assert night.measured(evaluation).statistics.days == HOLDOUT_DAYS - 2

    def test_nor_is_a_champion_with_features_of_its_own(self, night):
        own = night.write_features(a_frame(rows=3600, seed=7, days=DAYS), source=SOURCE + "# set aside\n")
        without = {"excluded_days": self.EXCLUDED}
        evaluation = evaluate(
            night.definition,
            night.features.model_copy(update=without),
            night.candidates,
            night.champion(seed=43),
            night.settings,
            champion_features=own.model_copy(update=without),
        )
        assert night.measured(evaluation).statistics.days == HOLDOUT_DAYS - 2


class TestChallenger:
    def test_the_best_by_its_own_validation_is_taken(self, night):
        others = [night.train("logistic_regression", 0.7), night.train("xgboost", 0.72)]
        night_candidates = [night.candidates[0], *others]
        evaluation = evaluate(night.definition, night.features, night_candidates, None, night.settings)
        assert evaluation.challenger.name == "xgboost"
        assert night.measured(evaluation).parity.max_difference <= 1e-5

    def test_the_baseline_alone_challenges_nobody_into_release(self, night):
        evaluation = evaluate(night.definition, night.features, night.candidates[:1], None, night.settings)
        assert evaluation.challenger.name == "baseline"
        assert gate(night.definition, evaluation, night.settings).outcome is Outcome.KEEP

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda baseline, other: [other],
            lambda baseline, other: [],
            lambda baseline, other: [baseline, other, other],
            lambda baseline, other: [baseline, other.model_copy(update={"features_digest": "other"})],
            lambda baseline, other: [baseline, other, other.model_copy(update={"name": "xgboost", "metrics": {}})],
            lambda baseline, other: [
                baseline,
                other,
                other.model_copy(update={"name": "xgboost", "metrics": {"roc_auc": np.nan}}),
            ],
        ],
    )
    def test_what_cannot_be_ranked_is_an_error(self, night, spoil):
        with pytest.raises(RequestError, match="no challenger"):
            evaluate(night.definition, night.features, spoil(*night.candidates), None, night.settings)


def test_a_bundle_that_is_not_the_trained_one_is_refused(night):
    wrong = night.candidates[1].model_copy(update={"bundle_digest": "0" * 32})
    with pytest.raises(DigestMismatchError):
        evaluate(night.definition, night.features, [night.candidates[0], wrong], None, night.settings)
