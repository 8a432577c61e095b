import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.definitions.features import Features
from evergreen.errors import FeatureError, NotEnoughRowsError, RequestError
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor, read_bundle
from evergreen.predictors.predictor import onnx_parity
from evergreen.settings import Settings
from evergreen.stages.train import plan_candidates, train_candidate
from simulated_flights import make_definition, make_feature_set, make_frame, select

FRAME = make_frame()
LATER = make_definition().model_copy(update={"features": Features(history=timedelta(days=3))})


@pytest.fixture(autouse=True)
def stored_features(monkeypatch):
    """Hand the frame to the stage in place of stored features."""
    monkeypatch.setattr(
        "evergreen.stages.train.rows.read_labelled",
        lambda feature_set, files, *, from_time, before_time: select(FRAME, from_time, before_time),
    )


@pytest.fixture
def logged(monkeypatch):
    """Take MLflow's place; what was logged."""
    runs = []
    monkeypatch.setattr(
        "evergreen.stages.train.candidate.log_training", lambda settings, run: runs.append(run) or f"run{len(runs)}"
    )
    return runs


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def train(settings, name="logistic_regression", definition=None, features=None, **options):
    return train_candidate(definition or make_definition(), features or make_feature_set(), settings, name, **options)


def test_the_baseline_comes_first_and_is_always_there():
    assert plan_candidates(make_definition(candidates=["xgboost"])) == ("baseline", "xgboost")
    assert plan_candidates(make_definition(candidates=["xgboost", "baseline"])) == ("baseline", "xgboost")


@pytest.mark.parametrize("name", ["baseline", "logistic_regression", "xgboost"])
def test_a_candidate_is_a_bundle_that_answers(settings, logged, name):
    candidate = train(settings, name, lock_digest="lock", code_revision="abc-dirty")
    predictor = load_predictor(Files(), candidate.bundle_uri, candidate.bundle_digest)
    manifest = predictor.manifest
    assert (manifest.algorithm, manifest.model, manifest.lock_digest) == (name, "flights", "lock")
    assert candidate.training_rows == manifest.training_rows == 1500
    assert candidate.trained_through == manifest.trained_through == FRAME["_event_time"][1499]
    assert candidate.trained_through < make_definition().holdout_start(make_feature_set().last_day)
    assert (Path(candidate.bundle_uri) / "features.py").read_text() == make_feature_set().source
    assert onnx_parity(predictor, FRAME) == 0
    assert candidate.metrics["roc_auc"] > 0.55
    assert candidate.mlflow_run_id == "run1"


def test_no_row_of_the_holdout_is_asked_for(settings, logged, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "evergreen.stages.train.rows.read_labelled",
        lambda feature_set, files, *, from_time, before_time: (
            asked.append(before_time) or select(FRAME, from_time, before_time)
        ),
    )
    train(settings)
    assert asked == [make_definition().holdout_start(make_feature_set().last_day)]


def test_a_second_run_does_no_work(settings, logged, monkeypatch):
    first = train(settings)
    monkeypatch.setattr("evergreen.stages.train.rows.read_labelled", lambda *_, **__: pytest.fail("trained again"))
    assert train(settings) == first
    assert len(logged) == 1


def test_force_trains_again_to_the_same_bundle(settings, logged):
    first, second = train(settings), train(settings, force=True)
    assert second.bundle_digest == first.bundle_digest
    assert logged[0].key == logged[1].key


@pytest.mark.parametrize("damage", ["delete", "flip"])
def test_a_lost_or_damaged_bundle_is_trained_again(settings, logged, damage):
    first = train(settings)
    model = Path(first.bundle_uri) / "model.json"
    model.unlink() if damage == "delete" else model.write_bytes(b"{}")
    assert train(settings).bundle_digest == first.bundle_digest
    load_predictor(Files(), first.bundle_uri, first.bundle_digest)


def test_a_run_killed_before_its_result_is_simply_done_again(settings, logged, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("evergreen.stages.train.candidate.log_training", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    candidate = train(settings)
    other = train(Settings(home=settings.home / "undisturbed"))
    assert candidate.bundle_digest == other.bundle_digest
    assert logged[0].key == logged[1].key


@pytest.mark.parametrize(
    "change",
    [
        {"definition": make_definition(costs={"false_negative": 4.0})},
        {"definition": make_definition(seed=7)},
        {"features": make_feature_set(digest="e" * 32)},
        {"lock_digest": "another"},
        {
            "definition": LATER,
            "features": make_feature_set().model_copy(update={"layout_digest": FeatureLayout.of(LATER).digest}),
        },
    ],
)
def test_what_decides_the_bundle_trains_anew(settings, logged, change):
    first = train(settings)
    assert train(settings, **change).bundle_digest != first.bundle_digest
    assert len(logged) == 2


def test_other_excluded_days_train_anew(settings, logged):
    train(settings)
    train(settings, features=make_feature_set().model_copy(update={"excluded_days": (date(2013, 1, 5),)}))
    assert len(logged) == 2


def test_a_bundle_says_how_its_features_are_built(settings, logged):
    candidate = train(settings)
    manifest, _ = read_bundle(Files(), candidate.bundle_uri, candidate.bundle_digest)
    assert manifest.feature_layout == FeatureLayout.of(make_definition())
    assert manifest.feature_layout.digest == make_feature_set().layout_digest


def test_features_of_another_model_yaml_are_not_learned_from(settings, logged):
    with pytest.raises(FeatureError, match=r"another model\.yaml"):
        train(settings, definition=LATER)


def test_a_new_gate_threshold_trains_nothing(settings, logged):
    first = train(settings)
    definition = make_definition()
    gate = definition.gate.model_copy(update={"min_rows": 5})
    assert train(settings, definition=definition.model_copy(update={"gate": gate})) == first


def test_an_unknown_candidate_is_refused(settings):
    with pytest.raises(RequestError, match="random_forest"):
        train(settings, "random_forest")


def test_too_few_rows_leave_nothing_behind(settings, logged):
    with pytest.raises(NotEnoughRowsError):
        train(settings, definition=make_definition(min_rows=10_000))
    assert logged == []
    assert not any(path.is_file() for path in settings.home.rglob("*"))


def test_mlflow_is_told_everything(settings, logged):
    candidate = train(settings, "xgboost", lock_digest="lock", code_revision="abc-dirty")
    (run,) = logged
    assert run.tags["evergreen.trained_through"] == candidate.trained_through.isoformat()
    assert run.tags["evergreen.trained_from"] == candidate.trained_from.isoformat()
    assert run.tags["evergreen.features_digest"] == "f" * 32
    assert run.tags["evergreen.bundle_digest"] == candidate.bundle_digest
    assert run.tags["evergreen.lock_digest"] == "lock"
    assert run.tags["evergreen.code_revision"] == "abc-dirty"
    assert run.dataset.digest == run.tags["evergreen.training_digest"]
    assert run.dataset.columns["carrier"] == "string"
    assert {"rounds", "learning_rate", "seed", "threshold", "calibration"} <= set(run.params)
    assert run.metrics["validation_roc_auc"] == candidate.metrics["roc_auc"]
    assert {"validation_log_loss", "training_log_loss", "trial_log_loss"} == set(run.curves)
    plots = {f"plots/{name}.svg" for name in ("roc", "precision_recall", "calibration", "importance", "learning_curve")}
    others = {
        "report.html",
        "manifest.json",
        "features.py",
        "signature.json",
        "input_example.json",
        "trials.json",
        "importance.json",
    }
    assert set(run.files) == plots | others
    assert len(json.loads(run.files["input_example.json"])["data"]) == 5
    assert len(json.loads(run.files["trials.json"])) == 3


def test_pictures_stand_alone(settings, logged):
    from xml.etree import ElementTree

    train(settings, "xgboost")
    for name, data in logged[0].files.items():
        if name.endswith(".svg"):
            assert ElementTree.fromstring(data).tag == "{http://www.w3.org/2000/svg}svg"
            assert b"--series-1:" in data
    page = logged[0].files["report.html"].decode()
    assert "Xgboost" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
