"""How often the gate is wrong: `python tests/benchmarks/bench_gate_errors.py [seeds] [part …]` prints the tables of gate.md.

Every run simulates holdouts in which the truth is known, measures and decides as the stages do, and counts verdicts.
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from evergreen.measurement import METRICS
from evergreen.results import Outcome
from evergreen.stages.evaluate import statistics as stage
from evergreen.stages.gate import decide
from evergreen.statistics.paired_cluster_bootstrap import paired_cluster_bootstrap
from evergreen.statistics.roc_auc import roc_auc_by_cluster
from gate_simulation import World, flights_gate, measure_answers, simulate

GATE = flights_gate()
DECIDING = {name: METRICS[name] for name in ("roc_auc", "log_loss", "calibration_error")}
"""What the flights' gate looks at; the rest is left out to save time."""
CALM, STORMY = World(heavy=False, day_spread=0.4), World()
BEATABLE = replace(STORMY, noise=0.5)
"""A champion that leaves room to be better."""
EFFECTS = ((STORMY, 0.31035), (BEATABLE, 0.43359), (STORMY, 0.23105), (STORMY, 0.00137), (BEATABLE, 0.22266))
"""Worlds with the noise of a better challenger, the smallest gain first."""


def verdicts(seeds: int, world: World, **effect) -> dict[str, float]:
    """Count outcomes, bounds that were wrong, and slices that blocked, as shares."""
    seen = Counter()
    differences = []
    for seed in range(seeds):
        measurement = measure_answers(simulate(seed, world, **effect), GATE)
        decision = decide(measurement, GATE)
        comparison = measurement.statistics.comparison("champion", "roc_auc")
        differences.append(comparison.improvement)
        seen[decision.outcome] += 1
        seen["bound above 0"] += comparison.lower > 0
        seen["bound below 0"] += comparison.upper < 0
        seen["slice"] += any(rule.name.startswith("slices") and rule.holds is False for rule in decision.rulings)
        # The same rule with each slice taken by itself, for what the correction is worth.
        drops = {piece.by: piece.max_drop for piece in GATE.slices}
        seen["slice, uncorrected"] += any(
            piece.rows >= 500 and -piece.improvement > drops[piece.by] and piece.chance_of_no_loss <= 0.05
            for piece in measurement.statistics.slices
            if piece.improvement is not None and piece.chance_of_no_loss is not None
        )
    shares = {key: seen[key] / seeds for key in [*Outcome, "bound above 0", "bound below 0", "slice", "slice, uncorrected"]}
    return shares | {"difference": float(np.mean(differences)), "spread": float(np.std(differences))}


def methods(seeds: int, world: World) -> dict[str, float]:
    """Count how often a one-sided 95 % bound of equal models excludes zero, at either end, by method."""
    wrong = Counter()
    for seed in range(seeds):
        answers = simulate(seed, world)
        days, n_days = answers.day_numbers, len(answers.days)
        areas = [roc_auc_by_cluster(answers.labels, answers.probabilities(role), days) for role in ("challenger", "champion")]

        def difference(counts, areas=areas):
            return areas[0](counts) - areas[1](counts)

        chosen = paired_cluster_bootstrap(difference, n_days, confidence=0.95, resamples=1000, seed=1)
        counts = np.random.default_rng(1).multinomial(n_days, np.full(n_days, 1 / n_days), 1000).astype(float)
        values, reach = difference(counts), stats.t.ppf(0.95, n_days - 1)
        tail = stats.norm.cdf(-reach * np.sqrt(n_days / (n_days - 1)))
        bounds = {
            "percentile": np.quantile(values, [0.05, 0.95]),
            "expanded percentile": np.quantile(values, [tail, 1 - tail]),
            "jackknife t": chosen.estimate + np.array([-1, 1]) * reach * chosen.standard_error,
            "the gate's": (chosen.lower, chosen.upper),
        }
        if n_days <= 21:  # a slope for every day of every resample: slow, and known by then
            bounds["studentised"] = _studentised(difference, values[:400], counts[:400], chosen.estimate)
        for name, (low, high) in bounds.items():
            wrong[name] += (low > 0) + (high < 0)
    return {name: count / (2 * seeds) for name, count in wrong.items()}


def _studentised(difference, values, counts, estimate):
    """Bootstrap-t with the infinitesimal jackknife as each resample's own standard error."""
    n_days, step = counts.shape[1], 1e-3

    def errors(at, value):
        slopes = np.stack([(difference(at + step * np.eye(n_days)[day]) - value) / step for day in range(n_days)], axis=1)
        return np.sqrt((at * slopes**2).sum(axis=1))

    ratios = (values - estimate) / errors(counts, values)
    once = np.ones((1, n_days))
    error = errors(once, difference(once))[0]
    high, low = np.nanquantile(ratios, [0.95, 0.05])
    return estimate - high * error, estimate - low * error


def month_of_nights(seeds: int, nights: int = 30) -> tuple[float, float]:
    """Judge equal models every night on a sliding holdout: share of nights, and of months with any, that would promote."""
    promoted, months = 0, 0
    for seed in range(seeds):
        answers = simulate(seed, replace(STORMY, days=21 + nights - 1, rows_per_day=400))
        tonight = [_promotes(answers, night) for night in range(nights)]
        promoted, months = promoted + sum(tonight), months + any(tonight)
    return promoted / (seeds * nights), months / seeds


def _promotes(answers, first_day):
    days = answers.day_numbers
    rows = (days >= first_day) & (days < first_day + 21)
    challenger, champion = (answers.probabilities(role)[rows] for role in ("challenger", "champion"))
    areas = [roc_auc_by_cluster(answers.labels[rows], chances, days[rows] - first_day) for chances in (challenger, champion)]
    bounds = paired_cluster_bootstrap(
        lambda counts: areas[0](counts) - areas[1](counts), 21, confidence=0.95, resamples=1000, seed=1
    )
    return bounds.lower > 0 and bounds.estimate >= GATE.primary.minimum_effect


def bounds(seeds: int) -> None:
    """Print how often bounds alone are wrong."""
    print(f"## Bounds of equal models ({seeds * 2} seeds): share above zero or below zero, each end, at 95 %", flush=True)
    for name, world in (("calm", CALM), ("stormy", STORMY)):
        for days in (10, 21, 60):
            found = methods(seeds * 2, replace(world, days=days, rows_per_day=150))
            print(name, days, {method: f"{share:.1%}" for method, share in found.items()}, flush=True)


def equal(seeds: int) -> None:
    """Print what the whole decision says of equal models."""
    print("## Equal models, whole decision", flush=True)
    for name, world in (("calm", CALM), ("stormy", STORMY)):
        for days in (10, 21, 60):
            _show(f"{name} {days} days", verdicts(seeds, replace(world, days=days, rows_per_day=900 if days < 60 else 400)))


def planted(seeds: int) -> None:
    """Print what the whole decision says of models that are better, worse, or bad for one carrier."""
    print("## Planted effects, stormy, 21 days of 900 rows", flush=True)
    for world, noise in EFFECTS:
        _show(f"noise {noise:.3f} against {world.noise}", verdicts(seeds, world, challenger_noise=noise))
    much_better = EFFECTS[-1][1]
    _show("the last one, 10 days", verdicts(seeds, replace(BEATABLE, days=10), challenger_noise=much_better))
    for harm in (0.8, 1.4):
        harmed = verdicts(seeds, BEATABLE, challenger_noise=much_better, harmed="DL", harm=harm)
        _show(f"the last one, DL harmed by {harm}", harmed)
    _show("worse", verdicts(seeds, BEATABLE, challenger_noise=0.7))


def month(seeds: int) -> None:
    """Print what many nights say of equal models."""
    print("## A month of nights, equal models, sliding holdout", month_of_nights(max(50, seeds // 2)), flush=True)


PARTS = {part.__name__: part for part in (bounds, equal, planted, month)}


def _show(name: str, found: dict[str, float]) -> None:
    print(
        name,
        {key: f"{value:.4f}" if key in ("difference", "spread") else f"{value:.1%}" for key, value in found.items()},
        flush=True,
    )


if __name__ == "__main__":
    n_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with patch.object(stage, "METRICS", DECIDING):
        for name in sys.argv[2:] or PARTS:
            PARTS[name](n_seeds)
