import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evergreen.definitions.training import Costs
from evergreen.predictors.arrays import sigmoid
from evergreen.stages.train.validation import validate_candidate


def folds(n_folds=3, n=2000, shift=0.0):
    rng = np.random.default_rng(0)
    scores = tuple(rng.normal(0, 2, n) for _ in range(n_folds))
    return scores, tuple((rng.uniform(size=n) < sigmoid(score + shift)).astype(float) for score in scores)


def test_metrics_have_the_gate_s_names_and_are_sane():
    metrics = validate_candidate(*folds(), "sigmoid").metrics(Costs())
    assert set(metrics) == {"roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row"}
    assert 0.8 < metrics["roc_auc"] < 0.95
    assert metrics["calibration_error"] < 0.03


def test_a_fold_is_judged_by_a_calibration_that_has_not_seen_it():
    scores, labels = folds()
    flipped = (*labels[:2], 1 - labels[2])
    clean, dirty = validate_candidate(scores, labels, "isotonic"), validate_candidate(scores, flipped, "isotonic")
    assert np.array_equal(clean.probability[4000:], dirty.probability[4000:])
    assert not np.array_equal(clean.probability[:4000], dirty.probability[:4000])


def test_the_calibration_that_ships_has_seen_every_fold():
    scores, labels = folds(shift=-1.0)
    assert validate_candidate(scores, labels, "sigmoid").calibration.intercept == pytest.approx(-1, abs=0.15)


def test_one_fold_is_enough():
    validation = validate_candidate(*folds(n_folds=1), "sigmoid")
    assert np.array_equal(validation.probability, validation.calibration.apply(folds(n_folds=1)[0][0]))


def test_folds_with_one_answer_are_not_calibrated_and_what_is_undefined_is_left_out(caplog):
    scores, labels = folds()
    validation = validate_candidate(scores, tuple(np.zeros_like(label) for label in labels), "sigmoid")
    assert validation.calibration.method == "none"
    assert "nothing can be calibrated" in caplog.text
    metrics = validation.metrics(Costs())
    assert "roc_auc" not in metrics
    assert all(np.isfinite(value) for value in metrics.values())


def test_one_fold_with_one_answer_does_not_spoil_the_others():
    scores, labels = folds()
    validation = validate_candidate(scores, (np.zeros_like(labels[0]), *labels[1:]), "sigmoid")
    assert np.isfinite(validation.probability).all()
    assert roc_auc_score(labels[1], validation.probability[2000:4000]) > 0.8
