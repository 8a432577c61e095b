"""The bounds keep their word where the usual ones do not: measured on equal models, few days, now and then a storm.

The whole tables come from `tests/benchmarks/bench_gate_errors.py`; this is the guard that runs every time.
"""

import math

import numpy as np

from evergreen.statistics.paired_cluster_bootstrap import paired_cluster_bootstrap
from evergreen.statistics.roc_auc import roc_auc_by_cluster

SEEDS = 400
DAYS = 10


def _equal_models(seed):
    """Two models with noise of their own, on rows and on whole days; neither is better."""
    rng = np.random.default_rng([seed, 77])
    days = np.repeat(np.arange(DAYS), 60)
    known = rng.standard_normal(len(days)) + 0.6 * rng.standard_t(3, DAYS)[days]
    labels = (rng.random(len(days)) < 1 / (1 + np.exp(1 - known))).astype(float)
    areas = []
    for _ in range(2):
        answer = known + 0.15 * rng.standard_t(3, DAYS)[days] + 0.6 * rng.standard_normal(len(days))
        areas.append(roc_auc_by_cluster(labels, 1 / (1 + np.exp(-answer)), days))
    return lambda counts: areas[0](counts) - areas[1](counts)


def test_equal_models_are_called_different_no_more_often_than_is_said():
    wrong = plain = 0
    for seed in range(SEEDS):
        difference = _equal_models(seed)
        bounds = paired_cluster_bootstrap(difference, DAYS, confidence=0.95, resamples=300, seed=seed)
        wrong += (bounds.lower > 0) + (bounds.upper < 0)
        drawn = np.random.default_rng(seed).multinomial(DAYS, np.full(DAYS, 1 / DAYS), 300).astype(float)
        low, high = np.quantile(difference(drawn), [0.05, 0.95])
        plain += (low > 0) + (high < 0)
    ends = 2 * SEEDS
    chance = 2.33 * math.sqrt(0.05 * 0.95 / ends)
    assert wrong / ends <= 0.05 + chance
    assert plain / ends > 0.05 + chance, "plain percentiles would have done: this test no longer shows anything"
    assert wrong / ends > 0.01, "bounds that are never wrong are too wide to find anything"
