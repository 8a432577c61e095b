"""How often a trial is wrong, on streams whose truth is known; `bench_rollout_errors.py` counts more of them, longer."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from evergreen.definitions.release import BehaviourLimits, RolloutStep
from evergreen.statistics.share_above import share_above
from simulated_trials import Traffic, Truth, at_its_limits, simulate, try_out

SHORT = Traffic(
    per_second=20.0, steps=tuple(RolloutStep(share=share, hold="30s", min_requests=50) for share in (0.1, 0.5, 1.0))
)
PATIENT = Traffic(
    per_second=20.0, steps=(RolloutStep(share=1.0, min_requests=10**6),), look_seconds=10.0, give_up_seconds=100.0
)


def outcomes(truth, traffic, runs=20, requests=3000):
    return Counter(try_out(simulate(seed, truth, requests), traffic, seed).outcome for seed in range(runs))


@pytest.mark.parametrize("limit", [0.005, 0.2, 0.4])
def test_a_share_at_its_limit_is_seldom_doubted_at_any_draw(limit):
    """Looked at after each of 1,500 draws, 2,000 times over."""
    needed, draws, bar = math.log(20), 1500, 0
    first_doubted = np.empty(draws + 1)
    for number in range(1, draws + 1):
        while bar <= number and share_above([1.0, 0.0], [bar, number - bar], limit) < needed:
            bar += 1
        first_doubted[number] = bar
    hits = np.cumsum(np.random.default_rng(1).random((2000, draws)) < limit, axis=1)
    doubted = (hits >= first_doubted[1:]).any(axis=1).mean()
    assert 0.002 < doubted <= 0.05


@pytest.mark.parametrize(("confidence", "most"), [(0.99, 0), (0.8, 5)])
@pytest.mark.parametrize("ship_seconds", [0.1, 40.0])
def test_exactly_at_its_limits_it_is_seldom_taken_back(confidence, most, ship_seconds):
    """Five limits at once, 10 looks, and records that come late."""
    limits = BehaviourLimits(confidence=confidence)
    traffic = replace(PATIENT, limits=limits, ship_seconds=ship_seconds)
    rules = [try_out(at_its_limits(seed, 2600, limits=limits), traffic, seed).rule for seed in range(25)]
    assert sum(rule != "time until it is given up" for rule in rules) <= most


@pytest.mark.parametrize("correlation", [0.9, 0.5])
def test_a_good_challenger_is_promoted(correlation):
    assert outcomes(Truth(correlation=correlation, failure_share=0.001), SHORT) == {"pass": 20}


@pytest.mark.parametrize(
    "truth",
    [
        Truth(failure_share=1.0),
        Truth(failure_share=0.05),
        Truth(constant=True),
        Truth(slowdown=10.0),
        Truth(correlation=-0.7),
        Truth(shift=2.5),
        Truth(memory_mb=2500.0),
    ],
    ids=["NaN", "one airline", "constant", "slow", "upside down", "shifted", "memory"],
)
def test_a_bad_challenger_is_taken_back(truth):
    assert outcomes(truth, SHORT) == {"roll_back": 20}


def test_shuffled_labels_take_some_hundred_requests():
    ended = [try_out(simulate(seed, Truth(correlation=0.0, spread=0.3), 3000), SHORT, seed) for seed in range(20)]
    assert {each.rule for each in ended} == {"rank agreement with the champion"}
    assert np.median([each.requests for each in ended]) < 600
