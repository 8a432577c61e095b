"""How often a trial is wrong: `python tests/benchmarks/bench_rollout_errors.py [runs] [part …]`; rollouts.md has the tables.

Every run simulates a rollout whose truth is known, look by look, on records that arrive as they are shipped, and measures and
decides as the stage does.
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from evergreen.definitions.release import BehaviourLimits, RolloutStep
from evergreen.stages.rollout import measuring
from evergreen.statistics.mean_beyond import _STAKES as MEAN_STAKES
from evergreen.statistics.rank_agreement import _STAKES as ORDER_STAKES
from evergreen.statistics.rank_agreement import count_pairs
from evergreen.statistics.share_above import share_above
from simulated_trials import Traffic, Truth, at_its_limits, simulate, try_out

USUAL = Traffic()
QUIET = Traffic(per_second=0.2, look_seconds=300.0, ship_seconds=60.0)
"""A request every five seconds: the first step takes hours."""
LOOSE = BehaviourLimits(min_rank_agreement=0.1)
LONG = (RolloutStep(share=1.0, min_requests=10**6),)
"""One step that never ends by itself."""
GOOD = {f"as good, correlation {rho}": Truth(correlation=rho, failure_share=0.001) for rho in (0.9, 0.7, 0.5)}
SHUFFLED = Truth(correlation=0.0, spread=0.3)
BAD = {
    "shuffled labels": SHUFFLED,
    "NaN to all": Truth(failure_share=1.0),
    "constant": Truth(constant=True),
    "ten times slower": Truth(slowdown=10.0),
    "raises for one airline, 5 % of requests": Truth(failure_share=0.05),
    "raises for 2 % of requests": Truth(failure_share=0.02),
    "raises for 1 % of requests": Truth(failure_share=0.01),
    "probabilities 0.25 too high": Truth(correlation=0.7, shift=1.25),
    "upside down": Truth(correlation=-0.7),
    "memory": Truth(memory_mb=2500.0),
}
STREAM = 7_000
"""Requests that a rollout may take; the usual one takes some 4,000."""
LATE = {"records at once": 0.1, "records up to 6 s late": 6.0, "records up to 60 s late": 60.0}


def count(runs: int, truth: Truth, traffic: Traffic, requests: int = STREAM) -> dict[str, str]:
    """Roll out again and again, and count how it ended."""
    ended = [try_out(simulate(seed, truth, requests), traffic, seed) for seed in range(runs)]
    back = [each for each in ended if each.outcome == "roll_back"]
    found = {"promoted": f"{1 - len(back) / runs:.1%}"}
    if back:
        steps = Counter(each.step for each in back)
        found["taken back in step"] = ", ".join(f"{step}: {steps[step] / runs:.1%}" for step in sorted(steps))
        for name, values in (("requests", [each.requests for each in back]), ("minutes", [each.seconds / 60 for each in back])):
            found[name] = f"median {np.median(values):.1f}, 95 % {np.percentile(values, 95):.1f}, most {np.max(values):.1f}"
        found["by"] = ", ".join(f"{rule} {number}" for rule, number in Counter(each.rule for each in back).most_common())
    else:
        found["minutes"] = f"median {np.median([each.seconds / 60 for each in ended]):.1f}"
        found["requests"] = f"median {np.median([each.requests for each in ended]):.0f}"
    return found


def limits(runs: int) -> None:
    """Print how often a challenger exactly at all five limits is taken back by chance."""
    print(f"## Exactly at its limits, all five at once, 3,000 requests, 60 looks ({runs} runs)", flush=True)
    for confidence in (0.9, 0.99):
        for name, ship_seconds in LATE.items():
            at = BehaviourLimits(confidence=confidence)
            traffic = Traffic(5.0, LONG, at, ship_seconds=ship_seconds, give_up_seconds=600.0)
            ended = [try_out(at_its_limits(seed, 4_000, limits=at), traffic, seed) for seed in range(runs)]
            rules = Counter(each.rule for each in ended)
            wrong = runs - rules["time until it is given up"]
            print(f"confidence {confidence:.0%}, {name}: {wrong / runs:.1%} taken back", dict(rules), flush=True)


def good(runs: int) -> None:
    """Print how often a good challenger is promoted."""
    print(f"## Good challengers ({runs} runs)", flush=True)
    seldom = replace(USUAL, look_seconds=30.0)
    for name, truth in GOOD.items():
        print(name, count(runs, truth, seldom), flush=True)
    print("few requests:", count(runs, GOOD["as good, correlation 0.7"], QUIET, 3_000), flush=True)
    again = replace(GOOD["as good, correlation 0.7"], rows=300)
    print("300 rows asked about again and again:", count(runs, again, seldom), flush=True)
    print(
        "champion of 5 values:", count(runs, replace(GOOD["as good, correlation 0.7"], champion_values=5), seldom), flush=True
    )


def bad(runs: int) -> None:
    """Print how soon a bad challenger is taken back."""
    print(f"## Bad challengers ({runs} runs)", flush=True)
    for name, truth in BAD.items():
        print(name, count(runs, truth, USUAL), flush=True)
    print("shuffled labels, rank agreement 0.1:", count(runs, SHUFFLED, replace(USUAL, limits=LOOSE)), flush=True)


def few(runs: int) -> None:
    """Print the same where requests are few."""
    print(f"## Bad challengers, a request every five seconds ({runs} runs)", flush=True)
    for name, truth in BAD.items():
        print(name, count(runs, truth, QUIET, 3_000), flush=True)
    print("shuffled labels, rank agreement 0.1:", count(runs, SHUFFLED, replace(QUIET, limits=LOOSE), 3_000), flush=True)


def draws(runs: int) -> None:
    """Print how often evidence at its very limit is ever beyond doubt, looked at after each draw."""
    streams, rng = 50 * runs, np.random.default_rng(2)
    print(f"## Each test alone, exactly at its limit, looked at after every draw ({streams} streams)", flush=True)
    for limit in (0.005, 0.2, 0.4):
        print(
            "share", limit, [f"{doubt:.1%}: {_share_doubted(rng, streams, limit, doubt):.2%}" for doubt in DOUBTS], flush=True
        )
    agreement = np.concatenate([_highest(_order_gains(rng, 0.2), ORDER_STAKES / 0.8) for _ in range(streams // 250)])
    print("rank agreement 0.2, 3,000 rows", _shares_above(agreement), flush=True)
    for name, draw in MEANS.items():
        found = [_highest_mean(draw(rng, (250, 1500))) for _ in range(streams // 250)]
        print("mean 0.2, 1,500 rows,", name, _shares_above(np.concatenate(found)), flush=True)


DOUBTS = (0.05, 0.01, 0.002)
MEANS = {
    "uniform": lambda rng, shape: rng.uniform(-0.1, 0.5, shape),
    "two values": lambda rng, shape: np.where(rng.random(shape) < 0.6, 1.0, -1.0),
    "narrow": lambda rng, shape: rng.normal(0.2, 0.05, shape),
}
"""Differences whose mean is 0.2."""


def _share_doubted(rng, streams, limit, doubt, n_draws=3000):
    first, bar = np.empty(n_draws), 0
    for number in range(1, n_draws + 1):
        while bar <= number and share_above([1.0, 0.0], [bar, number - bar], limit) < np.log(1 / doubt):
            bar += 1
        first[number - 1] = bar
    doubted = 0
    for _ in range(streams // 250):
        doubted += (np.cumsum(rng.random((250, n_draws)) < limit, axis=1) >= first).any(axis=1).sum()
    return doubted / streams


def _order_gains(rng, limit, shape=(250, 3000)):
    one, own = rng.standard_normal((2, *shape))
    correlation = np.sin(np.pi / 2 * limit)
    pairs = count_pairs(one.ravel(), (correlation * one + np.sqrt(1 - correlation**2) * own).ravel())
    return ((limit * pairs.sum(axis=1) - (pairs[:, 0] - pairs[:, 1])) / 15).reshape(shape[0], -1)


def _highest_mean(differences, limit=0.2):
    return _highest(differences - limit, MEAN_STAKES / (1 + limit), -differences - limit)


def _highest(gains, stakes, *others):
    """Return per stream the highest logarithm that the wealth of evenly mixed bets ever has."""
    logs = [np.cumsum(np.log1p(each[:, :, None] * stakes), axis=1) for each in (gains, *others)]
    every = np.concatenate(logs, axis=2)
    top = every.max(axis=2)
    return (top + np.log(np.mean(np.exp(every - top[:, :, None]), axis=2))).max(axis=1)


def _shares_above(highest):
    return [f"{doubt:.1%}: {np.mean(highest >= np.log(1 / doubt)):.2%}" for doubt in DOUBTS]


def stalls(runs: int) -> None:
    """Print what becomes of a good challenger on a machine that stops for 0.7 seconds every four minutes."""
    print(f"## A machine that stops now and then: 0.3 % of requests fail ({runs} runs)", flush=True)
    traffic = Traffic(50.0, (RolloutStep(share=1.0),), look_seconds=30.0, stall_every_seconds=237.0, stall_seconds=0.7)
    for name, unit_us in (("by second", 1_000_000), ("by request", 1)):
        with patch.object(measuring, "SECOND_US", unit_us):
            print(name, count(runs, Truth(), traffic, 34_000), flush=True)


PARTS = {part.__name__: part for part in (draws, limits, bad, few, good, stalls)}

if __name__ == "__main__":
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for name in sys.argv[2:] or PARTS:
        PARTS[name](n_runs)
