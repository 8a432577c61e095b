import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from evergreen.errors import DefinitionError
from evergreen.predictors.baseline import RateTable
from evergreen.predictors.boosted import BoostedModel
from evergreen.predictors.logistic import LogisticModel
from evergreen.stages.train.boosting import BoostingLearner
from evergreen.stages.train.fitted import ClassWeights, prior_log_odds
from evergreen.stages.train.folds import time_ordered_folds
from evergreen.stages.train.linear import learn_linear
from evergreen.stages.train.rates import learn_rates
from evergreen.stages.train.rows import TrainingRows
from simulated_flights import CATEGORICAL, NUMERIC, make_definition, make_frame

END = make_frame(2)["_event_time"].min().normalize() + pd.Timedelta(days=30)


def learn(kind, frame=None, numeric=NUMERIC, categorical=CATEGORICAL, **training):
    frame = make_frame(45) if frame is None else frame
    definition = make_definition(**{"search": {"trials": 2, "folds": 2, "fold": "7d"}, **training})
    rows = TrainingRows(frame[frame["_event_time"] < END].reset_index(drop=True), numeric, categorical, END.to_pydatetime())
    folds = time_ordered_folds(rows, definition.training.search)
    learner = {
        "baseline": lambda: learn_rates(rows, folds, definition.training),
        "logistic_regression": lambda: learn_linear(rows, folds, definition.training),
        "xgboost": lambda: BoostingLearner(rows, folds, definition.training, threads=1).learn(),
    }[kind]
    return learner(), rows, folds


def score(kind, fitted, frame):
    matrix = fitted.encoder.transform(frame)
    if kind == "xgboost":
        return BoostedModel(fitted.model_files["model.ubj"], fitted.model_files["model.onnx"], fitted.intercept).score(matrix)
    model = RateTable if kind == "baseline" else LogisticModel
    return model.model_validate_json(fitted.model_files["model.json"]).score(matrix)


@pytest.mark.parametrize(("kind", "auc"), [("baseline", 0.53), ("logistic_regression", 0.7), ("xgboost", 0.67)])
def test_each_learns_the_signal_and_tells_the_folds_apart(kind, auc):
    frame = make_frame(45)
    fitted, rows, folds = learn(kind, frame)
    later = frame[frame["_event_time"] >= END]
    assert roc_auc_score(later["_label"], score(kind, fitted, later)) > auc
    for fold, scores in zip(folds, fitted.fold_scores, strict=True):
        assert roc_auc_score(rows.label[fold.test], scores) > auc - 0.06
    assert sum(fitted.importance.values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["logistic_regression", "xgboost"])
def test_class_weights_move_the_learning_and_not_the_level(kind):
    frame = make_frame(45)
    frame = frame[(frame["_label"] == 0) | (np.arange(len(frame)) % 4 == 0)]
    plain, rows, folds = learn(kind, frame)
    balanced, _, _ = learn(kind, frame, class_weight="balanced")
    assert balanced.model_files != plain.model_files
    said = np.concatenate([1 / (1 + np.exp(-scores)) for scores in balanced.fold_scores])
    came_true = np.concatenate([rows.label[fold.test] for fold in folds])
    assert said.mean() == pytest.approx(came_true.mean(), abs=0.05)
    overall = (1 / (1 + np.exp(-score(kind, balanced, rows.frame)))).mean()
    assert overall == pytest.approx(rows.label.mean(), abs=0.05)


def test_balanced_weights_make_both_answers_weigh_the_same():
    label = np.repeat([0.0, 1.0], [90, 10])
    weights = ClassWeights.of(label, make_definition(class_weight="balanced").training)
    weighed = weights.weigh(label)
    assert weighed[label == 0].sum() == pytest.approx(weighed[label == 1].sum()) == pytest.approx(50)
    assert prior_log_odds(label) + weights.log_odds_shift == pytest.approx(0)


@pytest.mark.parametrize("kind", ["logistic_regression", "xgboost"])
def test_constant_empty_and_exploding_features_are_borne(kind):
    frame = make_frame(45)
    frame["constant"], frame["nothing"], frame["infinite"] = 7.0, np.nan, np.inf
    frame["id"] = [f"N{number}" for number in range(len(frame))]
    frame["unsaid"] = pd.Series([None] * len(frame), dtype=object)
    numeric, categorical = (*NUMERIC, "constant", "nothing", "infinite"), (*CATEGORICAL, "id", "unsaid")
    fitted, _, _ = learn(kind, frame, numeric, categorical)
    later = frame[frame["_event_time"] >= END]
    assert np.isfinite(score(kind, fitted, later)).all()
    assert roc_auc_score(later["_label"], score(kind, fitted, later)) > 0.65
    for useless in ("constant", "nothing", "infinite", "unsaid"):
        assert fitted.importance[useless] < 1e-6
    by_name = {column.column: column for column in fitted.encoder.categorical}
    assert len(by_name["id"].values) == 256
    assert by_name["id"].left_out > 1000


@pytest.mark.parametrize("kind", ["logistic_regression", "xgboost"])
def test_a_fold_without_positives_is_borne(kind):
    frame = make_frame(45)
    quiet = (frame["_event_time"] >= END - pd.Timedelta(days=7)) & (frame["_event_time"] < END)
    frame["_label"] = np.where(quiet, 0.0, frame["_label"])
    fitted, _, _ = learn(kind, frame)
    assert all(np.isfinite(scores).all() for scores in fitted.fold_scores)


def test_the_booster_stops_early_and_its_rounds_are_those_of_the_folds():
    fitted, _, _ = learn("xgboost")
    rounds, losses = fitted.learning_curve["validation"]
    assert fitted.hyper_parameters["rounds"] == rounds[int(np.argmin(losses))]
    assert len(rounds) < 400
    assert fitted.learning_curve["training"][1][-1] < fitted.learning_curve["training"][1][0]


def test_a_booster_trained_beside_others_is_the_one_trained_alone():
    first, _, _ = learn("xgboost")
    learn("xgboost", make_frame(45, seed=5))
    assert learn("xgboost")[0].model_files == first.model_files


def test_a_logistic_regression_needs_few_trials_whatever_the_budget():
    assert len(learn("logistic_regression", search={"trials": 30, "folds": 1, "fold": "7d"})[0].trials) == 8


def test_the_baseline_by_nothing_says_one_rate():
    fitted, rows, _ = learn("baseline", baseline_by=[])
    assert fitted.encoder.columns == ()
    said = 1 / (1 + np.exp(-score("baseline", fitted, rows.frame)))
    assert said == pytest.approx(np.full(len(said), rows.label.mean()), abs=0.001)


def test_the_baseline_by_an_unknown_column_names_what_there_is():
    with pytest.raises(DefinitionError, match="carrier") as caught:
        learn("baseline", baseline_by=["month"])
    assert caught.value.found == "month"
