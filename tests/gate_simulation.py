"""Simulated holdouts for the gate: rows of one day share their weather, and models differ by as much as is asked.

Used by unit tests and by the benchmark that measures the gate's error rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from evergreen.definitions.gate import Gate, Slice
from evergreen.definitions.training import Costs
from evergreen.measurement import Figures, JudgedModel, Measurement, Parity, Serving, Terms
from evergreen.stages.evaluate.answers import Answers
from evergreen.stages.evaluate.figures import draw_figures
from evergreen.stages.evaluate.statistics import measure_statistics

FIRST_DAY = date(2013, 3, 11)
ORIGINS = ("EWR", "JFK", "LGA")
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9")
CARRIER_SHARES = np.array([17, 16, 16, 14, 10, 8, 6, 5, 4, 2, 1, 0.6, 0.4])


@dataclass(frozen=True)
class World:
    """How days and models behave."""

    days: int = 21
    rows_per_day: int = 900
    day_spread: float = 0.8
    """Spread of the days' own share of yes, in log-odds."""
    heavy: bool = True
    """Days from Student's t with 3 degrees of freedom: now and then a storm. Otherwise normal."""
    model_day_spread: float = 0.1
    """How far a model errs on a whole day by itself, in log-odds."""
    noise: float = 0.35
    """How far a model errs on a row by itself, in log-odds."""


def _draw(rng: np.random.Generator, world: World, spread: float) -> np.ndarray:
    return spread * (rng.standard_t(3, world.days) if world.heavy else rng.standard_normal(world.days))


def simulate(
    seed: int,
    world: World,
    *,
    challenger_noise: float | None = None,
    harmed: str = "",
    harm: float = 0.0,
    champion: bool = True,
) -> Answers:
    """Return the answers of models that know the truth up to noise of their own; equal noise is an equal model.

    Args:
        seed: Seed of everything.
        world: How days and models behave.
        challenger_noise: The challenger's noise; default as the champion's.
        harmed: Carrier whose rows the challenger answers with additional noise `harm`.
        harm: That noise, in log-odds.
        champion: Whether there is one.
    """
    rng = np.random.default_rng([seed, world.days, world.rows_per_day])
    sizes = np.maximum(20, rng.lognormal(np.log(world.rows_per_day), 0.15, world.days)).astype(int)
    day = np.repeat(np.arange(world.days), sizes)
    n_rows = len(day)
    carriers = np.array(CARRIERS)[rng.choice(len(CARRIERS), n_rows, p=CARRIER_SHARES / CARRIER_SHARES.sum())]
    known = 0.8 * rng.standard_normal(n_rows) + 0.6 * _draw(rng, world, world.day_spread)[day]
    truth = -1.5 + known + 0.4 * _draw(rng, world, world.day_spread)[day]
    labels = (rng.random(n_rows) < _sigmoid(truth)).astype(float)

    def answer(noise: np.ndarray | float) -> np.ndarray:
        own = _draw(rng, world, world.model_day_spread)[day] + noise * rng.standard_normal(n_rows)
        return _sigmoid(-1.5 + 0.9 * known + own)

    own_noise = np.full(n_rows, world.noise if challenger_noise is None else challenger_noise)
    own_noise[carriers == harmed] += harm
    probabilities = {"challenger": answer(own_noise)}
    if champion:
        probabilities["champion"] = answer(world.noise)
    probabilities["baseline"] = _sigmoid(-1.5 + 0.3 * known + 0.9 * rng.standard_normal(n_rows))
    order = np.arange(n_rows)
    rows = pd.DataFrame(
        {
            "_key": [f"flight-{number:06d}" for number in order],
            "_day": [FIRST_DAY + timedelta(days=int(number)) for number in day],
            "_event_time": pd.Timestamp(FIRST_DAY, tz=UTC) + pd.to_timedelta(day * 86_400 * 10**6 + order, unit="us"),
            "_label": labels,
            "_slice_origin": np.array(ORIGINS)[rng.integers(0, 3, n_rows)],
            "_slice_carrier": carriers,
        }
    )
    return Answers.from_rows(rows, ("origin", "carrier"), probabilities)


def flights_gate(**changes: object) -> Gate:
    """Return the gate of the flights, with changes."""
    slices = (Slice(by="origin", min_rows=500, max_drop=0.02), Slice(by="carrier", min_rows=500, max_drop=0.04))
    return Gate(slices=slices).model_copy(update=changes)


def terms(gate: Gate) -> Terms:
    """Return the terms that a gate asks to be measured on."""
    return Terms(
        metric=gate.primary.metric,
        confidence=gate.primary.confidence,
        resamples=gate.resamples,
        seed=gate.seed,
        holdout_days=21,
        slices=tuple(piece.by for piece in gate.slices),
        costs=Costs(false_positive=1, false_negative=3),
    )


def judged_model(role: str) -> JudgedModel:
    """Return a model that has seen nothing of the holdout."""
    return JudgedModel(
        role=role,
        algorithm={"challenger": "xgboost", "champion": "logistic_regression", "baseline": "baseline"}[role],
        version="3" if role == "champion" else None,
        bundle_digest={"challenger": "c", "champion": "a", "baseline": "b"}[role] * 32,
        features_digest="f" * 32,
        features_source_digest="e" * 32,
        trained_from=datetime(2013, 1, 1, 10, tzinfo=UTC),
        trained_through=datetime(2013, 3, 11, 2, 59, tzinfo=UTC) - timedelta(days=7 if role == "champion" else 0),
        training_rows=60_000,
        threshold=0.25,
    )


def measure_answers(answers: Answers, gate: Gate, *, figures: bool = False) -> Measurement:
    """Return a whole measurement of simulated answers, served fast by two agreeing engines."""
    asked = terms(gate)
    thresholds = dict.fromkeys(answers.roles, 0.25)
    return Measurement(
        model="flight_delays",
        as_of=datetime(2013, 4, 1, 7, tzinfo=UTC),
        terms=asked,
        holdout_from=datetime(2013, 3, 11, 4, tzinfo=UTC),
        judged_after=datetime(2013, 3, 11, 2, 59, tzinfo=UTC),
        unjudged_rows=0,
        overlapping_rows=0,
        models=tuple(judged_model(role) for role in answers.roles),
        features_digest="f" * 32,
        snapshot_digest="d" * 32,
        holdout_digest="0" * 32,
        predictions_uri="unused",
        predictions_digest="1" * 32,
        statistics=measure_statistics(answers, asked, thresholds),
        serving=Serving(
            single_row_p50_ms=0.4, single_row_p99_ms=0.9, batch_1000_rows_ms=6.1, model_mb=0.8, rounds=5, calls=200
        ),
        parity=Parity(max_difference=0.0, rows=answers.table.num_rows),
        figures=draw_figures(answers, asked, thresholds) if figures else Figures(models={}, days=()),
    )


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))
