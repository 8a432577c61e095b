import logging

import pytest
from optuna.distributions import FloatDistribution

from evergreen.definitions.training import Search
from evergreen.errors import NotEnoughRowsError
from evergreen.stages.train import search as module
from evergreen.stages.train.search import best_trial, run_search

SPACE = {"x": FloatDistribution(-5.0, 5.0)}


def evaluate(parameters):
    return (parameters["x"] - 2) ** 2, "kept"


def search(budget=None, seed=1, evaluate=evaluate):
    return run_search(SPACE, {"x": 0.0}, evaluate, budget or Search(trials=12), seed)


def test_the_first_trial_is_the_one_asked_for_and_the_best_is_near_the_optimum():
    trials = search()
    assert len(trials) == 12
    assert trials[0].parameters == {"x": 0.0}
    best = best_trial(trials)
    assert best.loss < 1
    assert best.outcome == "kept"


def test_the_seed_alone_decides():
    assert [t.parameters for t in search()] == [t.parameters for t in search()]
    assert [t.parameters for t in search()] != [t.parameters for t in search(seed=2)]


def test_equals_go_to_the_earliest():
    assert best_trial(search(evaluate=lambda p: (1.0, None))).number == 0


def test_seconds_end_the_search_after_the_trial_under_way(monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    trials = search(Search(trials=1000, seconds=15.0))
    assert 1 < len(trials) < 10


def test_one_trial_is_made_even_without_time(monkeypatch):
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    assert len(search(Search(trials=5, seconds=0.001))) == 1


def test_each_trial_has_its_line_in_the_log_and_nothing_is_printed(caplog, capsys):
    with caplog.at_level(logging.INFO):
        search(Search(trials=3))
    assert [record.message.split(":")[0] for record in caplog.records] == [f"trial {n} of 3" for n in (1, 2, 3)]
    assert capsys.readouterr().out == ""


def test_trials_that_cannot_be_measured_are_passed_over():
    losses = iter([float("nan"), 3.0, float("inf"), 2.0])
    trials = search(Search(trials=4), evaluate=lambda p: (next(losses), None))
    assert best_trial(trials).loss == 2.0


def test_nothing_measurable_is_an_error():
    with pytest.raises(NotEnoughRowsError):
        search(Search(trials=2), evaluate=lambda p: (float("nan"), None))
