"""The flights of 2013 in memory: features built once by the real stages, labels as they came, models by one recipe."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evergreen.cli.seed import seed_landing
from evergreen.connect.run import resolve_as_of
from evergreen.features.windows import ONE_DAY
from evergreen.files import Files
from evergreen.predictors.threshold import decision_threshold
from evergreen.reference_profile import ReferenceProfile
from evergreen.settings import Settings
from evergreen.stages.build_features import build_features
from evergreen.stages.ingest import ingest
from evergreen.stages.probe import choose_recipe
from evergreen.stages.probe.refit import refit_probabilities
from evergreen.stages.validate import validate
from evergreen.statistics.column_profile import profile_category, profile_numeric
from evergreen.statistics.measures import measure
from evergreen.tables.day_table import DayTable
from evergreen.tables.feature_frames import LABEL_AVAILABLE_AT, read_features

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.definitions import ModelDefinition

BEGIN, RELEASE, END = date(2013, 1, 1), date(2013, 4, 1), date(2013, 12, 28)
RECIPE = {
    "learning_rate": 0.15,
    "max_depth": 4,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5.0,
    "rounds": 80,
}
METRICS = ("roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row")


def number_of(day: date) -> int:
    return (day - BEGIN).days


def day_of(number: int) -> date:
    return BEGIN + timedelta(days=number)


def build_frame(definition: ModelDefinition) -> pd.DataFrame:
    """Return the features of the year with labels and the moments from which these could be read, by the real stages."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        files = Files.from_settings(settings)
        seed_landing(definition, settings, through=END + 2 * ONE_DAY)
        as_of = resolve_as_of(definition, f"{END + 3 * ONE_DAY}", None)
        features = build_features(definition, validate(definition, ingest(definition, settings, as_of), settings), settings)
        columns = ["_key", "_label", LABEL_AVAILABLE_AT]
        stored = DayTable(features.labels_uri, files).read(features.labels_version, columns=columns)
        labels = stored.select(columns).to_pandas()
        return read_features(features, files).merge(labels, on="_key", how="left", validate="one_to_one")


@dataclass(frozen=True)
class Year:
    """The rows in the order of their event times, and what was known of them when."""

    definition: ModelDefinition
    rows: pd.DataFrame

    @cached_property
    def numeric(self) -> list[str]:
        return [name for name in self._features if pd.api.types.is_float_dtype(self.rows[name].dtype)]

    @cached_property
    def categorical(self) -> list[str]:
        return [name for name in self._features if name not in self.numeric]

    @cached_property
    def number(self) -> np.ndarray:
        days = self.rows["_day"].to_numpy(dtype="datetime64[D]")
        return (days - np.datetime64(BEGIN, "D")).astype(np.int64)

    @cached_property
    def label(self) -> np.ndarray:
        return self.rows["_label"].to_numpy(dtype=np.float64)

    @cached_property
    def arrival(self) -> np.ndarray:
        """UTC moments, NaT for a label that never came."""
        return naive_utc(self.rows[LABEL_AVAILABLE_AT])

    @cached_property
    def waited(self) -> np.ndarray:
        """Days from the end of each row's day until its label could be read."""
        ends = {n: naive_utc(self.midnight(n + 1)) for n in range(int(self.number.max()) + 1)}
        at = np.array([ends[n] for n in range(len(ends))])[self.number]
        return (self.arrival - at) / np.timedelta64(1, "D")

    @cached_property
    def threshold(self) -> float:
        return decision_threshold(self.definition.training.costs)

    @cached_property
    def mature_days(self) -> int:
        """Days between a night's newest day and the newest one whose labels have been waited for."""
        return -(-self.definition.monitoring.performance.mature_after // ONE_DAY)

    @property
    def _features(self) -> list[str]:
        return [name for name in self.rows.columns if not name.startswith("_")]

    def midnight(self, number: int) -> datetime:
        """Return when a local day begins."""
        return datetime.combine(day_of(number), datetime.min.time(), tzinfo=self.definition.schedule.zone).astimezone(UTC)

    def night_of(self, number: int) -> datetime:
        """Return the moment of the night after a day."""
        return resolve_as_of(self.definition, f"{day_of(number + 1)}", None)

    def span(self, first: int, last: int, aside: Collection[int] = ()) -> np.ndarray:
        """Return positions of the rows of some days."""
        at = np.arange(*np.searchsorted(self.number, [first, last + 1]))
        return at[~np.isin(self.number[at], list(aside))]

    def known(self, first: int, last: int, number: int, aside: Collection[int] = ()) -> np.ndarray:
        """Return positions of rows of some days whose label could be read in a night."""
        at = self.span(first, last, aside)
        return at[(self.arrival[at] <= naive_utc(self.night_of(number))) & np.isfinite(self.label[at])]

    def refit(self, learn: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return what a model that learned from some rows says of others; NaN for all that was not asked."""
        training, found = self.definition.training, np.full(len(self.rows), np.nan)
        answers = refit_probabilities(
            self.rows.iloc[learn],
            self.rows.iloc[asked],
            numeric=self.numeric,
            categorical=self.categorical,
            recipe=choose_recipe("xgboost", RECIPE, training),
            training=training,
            threads=1,
        )
        found[asked] = answers
        return found

    def measured(self, metric: str, at: np.ndarray, probability: np.ndarray) -> float:
        costs = self.definition.training.costs
        return measure(metric, self.label[at], probability[at], threshold=self.threshold, costs=costs)


@dataclass(frozen=True)
class Champion:
    """A model that is watched, with what it promised."""

    version: int
    trained_through: int
    answers_from: int
    released_at: datetime
    probability: np.ndarray
    """What it says of every row after those it learned from; NaN of these."""
    profile: ReferenceProfile
    expected: dict[str, float]

    @property
    def digest(self) -> str:
        return f"{self.version:032d}"


def train_watched(year: Year, number: int, version: int, answers_from: int, aside: Collection[int] = ()) -> Champion:
    """Train as a release is trained in the night after a day: without the holdout, which says what to expect."""
    last = number - year.mature_days
    through = last - -(-year.definition.gate.holdout // ONE_DAY)
    learn, judge = year.known(0, through, number, aside), year.known(through + 1, last, number, aside)
    tested, said = [], []
    for back in (21, 14, 7):
        test = learn[(year.number[learn] > through - back) & (year.number[learn] <= through - back + 7)]
        tested.append(test)
        said.append(year.refit(learn[year.number[learn] <= through - back], test)[test])
    probability = year.refit(learn, year.span(through + 1, number_of(END)))
    return Champion(
        version=version,
        trained_through=through,
        answers_from=answers_from,
        released_at=year.night_of(answers_from - 1),
        probability=probability,
        profile=_profile(year, learn, np.concatenate(tested), np.concatenate(said)),
        expected={name: year.measured(name, judge, probability) for name in METRICS},
    )


def _profile(year: Year, learn: np.ndarray, tested: np.ndarray, said: np.ndarray) -> ReferenceProfile:
    days = year.rows["_day"].to_numpy(dtype="datetime64[D]")
    rows, on = year.rows.iloc[learn], days[learn]
    sizes = pd.Series(1, index=on).groupby(level=0).sum()
    by_weekday = sizes.groupby(pd.DatetimeIndex(sizes.index).weekday).mean().reindex(range(7), fill_value=0.0)
    features = {name: profile_numeric(rows[name].to_numpy(), on) for name in year.numeric}
    features |= {name: profile_category(rows[name].to_numpy(), on) for name in year.categorical}
    return ReferenceProfile(
        rows=len(rows),
        days=len(sizes),
        features=features,
        probability=profile_numeric(said, days[tested]),
        positive_share=float(year.label[learn].mean()),
        answer_share=float((said >= year.threshold).mean()),
        rows_by_weekday=tuple(by_weekday.astype(float)),
    )


def naive_utc(moments):
    """Return UTC moments as NumPy takes them."""
    if isinstance(moments, datetime):
        return np.datetime64(moments.astimezone(UTC).replace(tzinfo=None), "us")
    return moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
