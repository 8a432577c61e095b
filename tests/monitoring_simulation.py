"""Simulated months of rows for monitoring: 30 features, a known P(y|x), late labels, and faults planted on a known day.

Everything is drawn once per seed; a scenario changes what it is about and nothing else, so that two scenarios of one seed hold
the same rows up to the day on which they part. Used by unit tests and by the benchmark that measures how often monitoring is
wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_DAY = date(2013, 1, 7)
"""A Monday."""
NIGHT_AT = time(5, 0, tzinfo=UTC)
WEEKDAY_ROWS = np.array([1.0, 1.0, 1.02, 1.05, 1.1, 0.75, 0.65])


@dataclass(frozen=True)
class Number:
    """A numeric feature: a standard normal score, of which part belongs to the day, put into a shape."""

    shape: Callable[[np.ndarray], np.ndarray]
    day: float = 0.0
    """Share of the score's variance that the day's weather makes, where days are clustered."""
    nulls: float = 0.0
    nulls_swing: float = 0.0
    """Standard deviation of the daily share's log-odds."""


_GRID = np.linspace(-6, 6, 2401)


def _quantile(of: Callable[[np.ndarray], np.ndarray], scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """Return a shape by its quantile function, read off a fine table: exact ones take seconds."""
    table = scale * of(stats.norm.cdf(_GRID))
    return lambda z: np.interp(z, _GRID, table)


_HOURS = _quantile(lambda p: stats.beta.ppf(p, 2, 2), 24.0)
NUMBERS: Mapping[str, Number] = {
    "distance": Number(lambda z: np.exp(6 + 0.6 * z)),
    "duration": Number(lambda z: np.exp(0.5 + 0.5 * z)),
    "temperature": Number(lambda z: 60 + 15 * z, day=0.6),
    "wind": Number(lambda z: 10 * np.exp(0.5 * z), day=0.3),
    "pressure": Number(lambda z: 1013 + 8 * z, day=0.7),
    "humidity": Number(_quantile(lambda p: 100 * p), day=0.4, nulls=0.03),
    "rain": Number(lambda z: np.maximum(0.0, 5 * (z - 0.8)), day=0.9),
    "length": Number(lambda z: 170 + 10 * z),
    "weight": Number(lambda z: np.exp(4.3 + 0.2 * z)),
    "amount": Number(_quantile(lambda p: stats.t.ppf(p, 3), 40.0)),
    "balance": Number(_quantile(lambda p: stats.t.ppf(p, 3), 1000.0), nulls=0.05),
    "change": Number(_quantile(lambda p: stats.t.ppf(p, 2.5))),
    "age": Number(_quantile(lambda p: 18 + 60 * p)),
    "share": Number(_quantile(lambda p: p)),
    "hour": Number(lambda z: np.floor(_HOURS(z))),
    "visits": Number(lambda z: np.floor(np.exp(0.7 + 0.7 * z))),
    "items": Number(lambda z: np.floor(np.exp(0.2 + 0.5 * z))),
    "refund": Number(lambda z: np.maximum(0.0, 50 * (z - 1))),
    "waiting": Number(_quantile(lambda p: -np.log1p(-p), 200.0)),
    "score_a": Number(lambda z: z),
    "score_b": Number(lambda z: 3 + 0.1 * z, nulls=0.05),
    "score_c": Number(lambda z: 1e4 * z),
    "score_d": Number(lambda z: -5 + 2 * z),
    "sensor": Number(lambda z: 20 + 4 * z, nulls=0.2, nulls_swing=0.6),
}
CATEGORIES: Mapping[str, int] = {"channel": 3, "region": 5, "product": 12, "carrier": 16, "city": 40, "campaign": 100}
"""Values of each; all but `channel` by Zipf's law, so that rare ones are new now and then."""
FEATURES = (*NUMBERS, *CATEGORIES)
WEIGHTS = {
    "distance": 0.45,
    "duration": 0.35,
    "temperature": -0.3,
    "wind": 0.3,
    "amount": 0.4,
    "age": -0.35,
    "visits": 0.3,
    "score_a": 0.5,
    "score_b": -0.4,
}
"""What one standard deviation of a score adds to the log-odds; the other features say nothing, but for two curved terms."""
OTHER_CONCEPT = {"distance": 0.0, "amount": 0.0, "age": 0.3, "score_a": -0.3}
"""The weights after the concept has drifted: two features say nothing any more, two say the opposite."""
SHIFTED = {"temperature": 1.0, "duration": 1.0, "score_b": -1.0, "score_d": 1.0}
"""Features that a harmless shift moves, with the sign; each by 0.5 to 1 standard deviations."""


@dataclass(frozen=True)
class World:
    """How rows, days and labels behave."""

    days: int = 190
    rows_per_day: int = 300
    day_effects: bool = True
    """Whether rows of one day share their weather, which moves five features and the label; it lasts, with 0.4 a day."""
    unseen_day_effect: float = 0.25
    """Spread of the day's own part of the log-odds, which no feature tells."""
    intercept: float = -1.5
    label_median_days: float = 2.0
    """Median days from the end of a row's day to its label; lognormal."""
    label_spread: float = 0.5
    positives_sooner: float = 1.0
    """How many times sooner the label of a yes comes."""
    obvious_sooner: float = 0.0
    """How much sooner still for the likelier ones: days are divided by exp(this * true log-odds)."""


@dataclass(frozen=True)
class Drift:
    """A change of the world, from one day of the stream on."""

    onset: int
    over_days: int = 0
    """Days until it is there in full; 0: at once."""
    concept: bool = False
    """P(y|x) moves to the other concept; the features stay as they are."""
    shift: Mapping[str, float] = field(default_factory=dict)
    """The score of a feature moves by so many standard deviations; P(y|x) stays as it is."""

    def weight(self, day: np.ndarray) -> np.ndarray:
        """How much of it is there on each day, 0 to 1."""
        if not self.over_days:
            return (day >= self.onset).astype(float)
        return np.clip((day - self.onset + 1) / self.over_days, 0, 1)


NO_DRIFT = Drift(onset=10**6)
Fault = tuple[int, "Callable[[pd.DataFrame], pd.DataFrame]"]
"""The first day and what happens to the rows from then on; a fault changes what is seen, never what is true."""


@dataclass(frozen=True)
class Stream:
    """The rows of all days, in day order."""

    seed: int
    rows: pd.DataFrame
    """`_key`, `_day`, `_event_time`, features as they arrive, `_number` (day since the first), `_truth` (true P(y|x))."""
    label: np.ndarray
    arrival: np.ndarray
    """Days from the first midnight until the label can be read, shape (n_rows,)."""

    def span(self, first: int, last: int) -> np.ndarray:
        """Positions of the rows of days first to last, both included; missing days have none."""
        numbers = self.rows["_number"].to_numpy()
        return np.arange(*np.searchsorted(numbers, [first, last + 1]))


def simulate(seed: int, world: World, drift: Drift = NO_DRIFT, fault: Fault | None = None) -> Stream:
    """Return a stream; see the module.

    Args:
        seed: Seed of everything.
        world: How rows, days and labels behave.
        drift: What changes in the world.
        fault: What breaks on the way from the world to us.
    """
    rng = np.random.default_rng([seed, 3])
    weather, unseen = _days(rng, world)
    weekday = np.arange(world.days) % 7
    sizes = rng.poisson(world.rows_per_day * WEEKDAY_ROWS[weekday] * rng.lognormal(0, 0.05, world.days))
    day = np.repeat(np.arange(world.days), sizes)
    scores = _scores(rng, day, weather) | _planted(rng, day)
    amount = drift.weight(day)
    for name, reach in drift.shift.items():
        scores[name] = scores[name] + reach * amount
    codes = {name: _codes(rng, name, n_values, weekday[day]) for name, n_values in CATEGORIES.items()}
    plain = _log_odds(np.random.default_rng([seed, 4]), scores, codes, amount if drift.concept else 0.0 * amount)
    truth = 1 / (1 + np.exp(-(world.intercept + plain + unseen[day])))
    label = (rng.random(len(day)) < truth).astype(float)
    delay = world.label_median_days * np.exp(world.label_spread * rng.standard_normal(len(day)))
    delay = np.where(label > 0, delay / world.positives_sooner / np.exp(world.obvious_sooner * plain), delay)
    rows = _frame(rng, day, scores, codes, truth)
    keep = np.ones(len(rows), dtype=bool)
    if fault is not None:
        onset, happen = fault
        faulty = happen(rows[rows["_number"] >= onset].copy())
        keep = rows.index.isin(faulty.index) | (rows["_number"] < onset).to_numpy()
        rows = pd.concat([rows[rows["_number"] < onset], faulty])
    return Stream(seed, rows.reset_index(drop=True), label[keep], (day + 1 + delay)[keep])


def day_of(number: int) -> date:
    """Return a day of the stream as a date."""
    return FIRST_DAY + timedelta(days=int(number))


def night_of(number: int) -> datetime:
    """Return the moment of the night in which the given day has just ended."""
    return datetime.combine(day_of(number + 1), NIGHT_AT)


def _days(rng: np.random.Generator, world: World) -> tuple[np.ndarray, np.ndarray]:
    """Draw each day's weather (variance 1, lasting) and its own part of the log-odds."""
    steps, unseen = rng.standard_normal(world.days), rng.standard_normal(world.days)
    weather = np.empty(world.days)
    weather[0] = steps[0]
    for number in range(1, world.days):
        weather[number] = 0.4 * weather[number - 1] + np.sqrt(1 - 0.4**2) * steps[number]
    return (weather, world.unseen_day_effect * unseen) if world.day_effects else (np.full(world.days, np.nan), 0 * unseen)


def _scores(rng: np.random.Generator, day: np.ndarray, weather: np.ndarray) -> dict[str, np.ndarray]:
    """Draw standard normal scores; each feature's share of the day is its own mix of the common weather and of its own."""
    scores = {}
    for name, number in NUMBERS.items():
        own, own_day = rng.standard_normal(len(day)), rng.standard_normal(len(weather))
        clustered = number.day and np.isfinite(weather).all()
        today = np.sqrt(0.5) * (weather + own_day) if clustered else np.zeros(len(weather))
        part = number.day if clustered else 0.0
        scores[name] = np.sqrt(1 - part) * own + np.sqrt(part) * today[day]
    return scores


def _planted(rng: np.random.Generator, day: np.ndarray) -> dict[str, np.ndarray]:
    """Draw the missing shares, kept beside the scores under the feature's name with a `?`."""
    missing = {}
    for name, number in NUMBERS.items():
        swing = number.nulls_swing * rng.standard_normal(day[-1] + 1)
        share = 1 / (1 + np.exp(-(np.log(number.nulls / (1 - number.nulls)) + swing))) if number.nulls else 0 * swing
        missing[f"{name}?"] = rng.random(len(day)) < share[day]
    return missing


def _codes(rng: np.random.Generator, name: str, n_values: int, weekday: np.ndarray) -> np.ndarray:
    shares = 1 / np.arange(1, n_values + 1) if name != "channel" else np.array([0.5, 0.3, 0.2])
    drawn = rng.choice(n_values, len(weekday), p=shares / shares.sum())
    # At weekends some rows come by another channel.
    return np.where((name == "channel") & (weekday >= 5) & (rng.random(len(weekday)) < 0.2), 2, drawn)


def _log_odds(
    rng: np.random.Generator, scores: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], other: np.ndarray
) -> np.ndarray:
    """Return the log-odds without intercept and day; `other` is how much of the other concept holds."""
    total = 0.25 * (scores["length"] ** 2 - 1) + 0.3 * scores["score_a"] * scores["score_c"]
    for name, weight in WEIGHTS.items():
        score = 1.5 * np.tanh(scores[name] / 1.5) if name in ("amount", "visits") else scores[name]
        total = total + (weight + other * (OTHER_CONCEPT.get(name, weight) - weight)) * score
    for name, spread in (("channel", 0.3), ("product", 0.4), ("city", 0.3)):
        total = total + (spread * rng.standard_normal(CATEGORIES[name]))[codes[name]]
    return total


def _frame(
    rng: np.random.Generator,
    day: np.ndarray,
    scores: Mapping[str, np.ndarray],
    codes: Mapping[str, np.ndarray],
    truth: np.ndarray,
) -> pd.DataFrame:
    days = np.array([day_of(number) for number in range(day[-1] + 1)], dtype=object)
    seconds = day * 86_400 + np.floor(86_400 * rng.random(len(day)))
    columns: dict[str, object] = {
        "_key": [f"row-{number:06d}" for number in range(len(day))],
        "_day": days[day],
        "_event_time": pd.Timestamp(FIRST_DAY, tz=UTC) + pd.to_timedelta(seconds, unit="s"),
        "_number": day,
        "_truth": truth,
    }
    for name, number in NUMBERS.items():
        columns[name] = np.where(scores[f"{name}?"], np.nan, number.shape(scores[name]))
    for name, n_values in CATEGORIES.items():
        columns[name] = np.array([f"{name}-{value:02d}" for value in range(n_values)], dtype=object)[codes[name]]
    return pd.DataFrame(columns)


def shift_by_seed(seed: int) -> dict[str, float]:
    """Return how far a harmless shift moves each of its features: 0.5 to 1 standard deviations."""
    rng = np.random.default_rng([seed, 5])
    return {name: sign * float(rng.uniform(0.5, 1)) for name, sign in SHIFTED.items()}
