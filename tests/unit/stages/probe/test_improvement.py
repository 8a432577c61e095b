"""The probe on simulated rows whose truth is known."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.definitions.gate import Gate
from evergreen.definitions.retraining import Probe
from evergreen.definitions.training import Training
from evergreen.stages.probe import choose_recipe, probe_improvement
from evergreen.stages.probe.refit import BOOSTING, MOST_ROUNDS

NUMERIC, CATEGORICAL = ("x", "y"), ("c",)
DAYS, JUDGED_DAYS, ROWS_A_DAY = 60, 14, 150
CHANGE = 25
"""Day on which the world changes, where it does."""
RULES = Probe(confidence=0.95)


def a_world(seed=1, *, changes):
    """Rows of 60 days, with what a champion says that knows the world as it was at first."""
    random = np.random.default_rng(seed)
    rows = DAYS * ROWS_A_DAY
    day = np.repeat(np.arange(DAYS), ROWS_A_DAY)
    x, y, c = random.normal(size=rows), random.normal(size=rows), random.integers(0, 3, rows)
    before = 1.2 * x - 0.6 * y + 0.5 * (c == 1) - 1
    after = -0.4 * x + 1.2 * y + 0.5 * (c == 1) - 1
    truth = np.where(changes & (day >= CHANGE), after, before)
    frame = pd.DataFrame({"x": x, "y": y, "c": c.astype(str)})
    frame["_key"] = [str(number) for number in range(rows)]
    frame["_day"] = [date(2013, 1, 1) + timedelta(days=int(number)) for number in day]
    frame["_label"] = (random.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    judged = day >= DAYS - JUDGED_DAYS
    said = 1 / (1 + np.exp(-before))
    return frame[~judged].reset_index(drop=True), frame.assign(probability=said)[judged].reset_index(drop=True)


def ask(train, judged, *, algorithm="xgboost", metric="roc_auc", training=None, rules=RULES, threads=1, **gate):
    training = training or Training()
    return probe_improvement(
        train,
        judged,
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        recipe=choose_recipe(algorithm, {"rounds": 40}, training),
        training=training,
        gate=Gate.model_validate({"primary": {"metric": metric}, "resamples": 300} | gate),
        rules=rules,
        confidence=rules.confidence,
        champion_threshold=0.5,
        threads=threads,
    )


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression", "baseline"])
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "cost_per_row"])
def test_a_changed_world_is_learned_and_the_improvement_is_positive_whichever_way_is_better(algorithm, metric):
    found = ask(*a_world(changes=True), algorithm=algorithm, metric=metric)
    assert found.improvement > 0.02
    assert 0 < found.lower < found.improvement < found.upper
    better = found.refit > found.champion
    assert better is (metric == "roc_auc")


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic_regression"])
def test_nothing_beats_a_champion_that_knows_the_truth(algorithm):
    for seed in range(5):
        found = ask(*a_world(seed, changes=False), algorithm=algorithm)
        assert found.improvement < 0.003
        assert found.lower < 0


def test_probabilities_are_calibrated_whatever_the_class_weights():
    for weights in ("none", "balanced"):
        for method in ("none", "sigmoid", "isotonic"):
            training = Training(class_weight=weights, calibration=method)
            found = ask(*a_world(changes=False), algorithm="logistic_regression", metric="calibration_error", training=training)
            assert found.refit < 0.045, (weights, method)


def test_counts_say_what_was_judged():
    train, judged = a_world(changes=True)
    found = ask(train, judged)
    assert (found.training_rows, found.probe_rows, found.probe_days) == (len(train), len(judged), JUDGED_DAYS)
    assert found.probe_positives == judged["_label"].sum()
    assert (found.probe_first_day, found.probe_last_day) == (min(judged["_day"]), max(judged["_day"]))


def test_the_same_rows_give_the_same_bytes_on_any_number_of_threads():
    rows = a_world(changes=True)
    assert ask(*rows) == ask(*rows) == ask(*rows, threads=2)


def test_only_the_newest_rows_are_learned_from():
    train, judged = a_world(changes=True)
    found = ask(train, judged, rules=RULES.model_copy(update={"max_rows": 2000}))
    assert found.training_rows == 2000
    newest = ask(train.iloc[-2000:].reset_index(drop=True), judged)
    assert found == newest
    assert found.rows_digest != ask(train, judged).rows_digest


@pytest.mark.parametrize("case", ["nothing judged", "too few rows", "one answer", "one judged answer", "one day"])
def test_what_cannot_be_measured_is_none(case):
    train, judged = a_world(changes=True)
    if case == "nothing judged":
        judged = judged.iloc[:0]
    elif case == "too few rows":
        train = train.iloc[-Training().min_rows + 1 :]
    elif case == "one answer":
        train = train.assign(_label=0.0)
    elif case == "one judged answer":
        judged = judged.assign(_label=1.0)
    else:
        judged = judged[judged["_day"] == judged["_day"].iloc[0]]
    found = ask(train.reset_index(drop=True), judged.reset_index(drop=True))
    assert found.lower is None
    assert (found.improvement is None) is (case != "one day")
    assert found.probe_rows == len(judged)


def test_a_history_just_long_enough_is_learned_from():
    train, judged = a_world(changes=True)
    assert ask(train.iloc[-Training().min_rows :].reset_index(drop=True), judged).improvement is not None


class TestRecipe:
    def test_as_the_champion_was_fitted(self):
        own = {"learning_rate": 0.05, "max_depth": 3, "rounds": 70, "something": "else"}
        recipe = choose_recipe("xgboost", own, Training())
        assert recipe.algorithm == "xgboost"
        assert recipe.parameters == BOOSTING | {"learning_rate": 0.05, "max_depth": 3, "rounds": 70}
        linear = choose_recipe("logistic_regression", {"inverse_penalty": 2.5}, Training())
        assert (linear.algorithm, linear.parameters) == ("logistic_regression", {"inverse_penalty": 2.5})

    @pytest.mark.parametrize(
        ("rounds", "step", "expected"),
        [(MOST_ROUNDS, 0.05, 0.05), (2 * MOST_ROUNDS, 0.05, 0.1), (9 * MOST_ROUNDS, 0.1, 0.3), (2 * MOST_ROUNDS, 0.5, 0.5)],
    )
    def test_a_long_champion_is_refitted_quickly(self, rounds, step, expected):
        parameters = choose_recipe("xgboost", {"rounds": rounds, "learning_rate": step}, Training()).parameters
        assert parameters["rounds"] == MOST_ROUNDS
        assert parameters["learning_rate"] == pytest.approx(expected)

    def test_a_baseline_is_refitted_as_the_strongest_candidate(self):
        assert choose_recipe("baseline", {}, Training()).algorithm == "xgboost"
        linear = Training(candidates=("baseline", "logistic_regression"))
        assert choose_recipe("baseline", {}, linear).algorithm == "logistic_regression"
