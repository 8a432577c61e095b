"""Nights of monitoring in memory: a champion trained on a simulated stream, and the pure core of every stage, night by night.

What the stages read from tables is cut from the stream here, by the same rules: a champion's own answers, labels that could be
read at the night's moment, probes on days that lie before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xgboost

from evergreen.definitions.gate import Gate
from evergreen.definitions.monitoring import Monitoring
from evergreen.definitions.retraining import Retraining
from evergreen.definitions.training import Costs, Training
from evergreen.observation import Action, Cause, CheckKind, Finding, Observation, PastNight, ProbeMeasurement, Severity
from evergreen.predictors.calibration import fit_calibration
from evergreen.predictors.encoder import Encoder
from evergreen.predictors.threshold import decision_threshold
from evergreen.reference_profile import NumericProfile, ReferenceProfile
from evergreen.stages.check_drift import drift_findings
from evergreen.stages.check_performance import performance_findings
from evergreen.stages.check_quality import quality_findings
from evergreen.stages.probe import choose_recipe, probe_improvement
from evergreen.stages.retrain import decide_night
from evergreen.stages.triage import diagnose
from evergreen.statistics.column_profile import profile_category, profile_numeric
from evergreen.statistics.measures import measure
from evergreen.statistics.roc_auc import roc_auc
from monitoring_simulation import CATEGORIES, FEATURES, NUMBERS, Stream, day_of, night_of

if TYPE_CHECKING:
    from collections.abc import Hashable, MutableMapping

    from evergreen.observation import NightDecision
    from evergreen.predictors.calibration import Calibration
    from evergreen.reference_profile import ColumnProfile

NUMERIC, CATEGORICAL = tuple(NUMBERS), tuple(CATEGORIES)
COSTS = Costs(false_positive=1, false_negative=2)
THRESHOLD = decision_threshold(COSTS)
TRAINING_DAYS, HOLDOUT_DAYS, MATURE_DAYS = 60, 21, 7
FIRST_NIGHT = TRAINING_DAYS + HOLDOUT_DAYS + MATURE_DAYS
"""The first day that the first champion answers: it has learned from 60 days, was judged on 21, and waited for labels."""
RECIPE = {
    "learning_rate": 0.15,
    "max_depth": 3,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5.0,
    "rounds": 80,
}


@dataclass(frozen=True)
class Rules:
    """The sections of the definition; all defaults unless said otherwise."""

    monitoring: Monitoring = field(default_factory=Monitoring)
    retraining: Retraining = field(default_factory=Retraining)
    training: Training = field(default_factory=lambda: Training(costs=COSTS))
    gate: Gate = field(default_factory=Gate)


@dataclass(frozen=True)
class Champion:
    """A model that answers, with what it promised."""

    version: str
    name: Hashable
    """Equal where the model is."""
    trained_through: int
    """The last day it has learned from or been judged on."""
    answers_from: int
    encoder: Encoder
    booster: xgboost.Booster
    calibration: Calibration
    probability: np.ndarray
    """What it says of every row of the stream."""
    profile: ReferenceProfile
    expected: dict[str, float]
    learned: np.ndarray
    """Positions of the rows it learned from."""

    @cached_property
    def unpacked(self) -> ReferenceProfile:
        """The profile with its figures as arrays, so that they are not made into arrays every night anew."""

        def unpack(profile: ColumnProfile) -> ColumnProfile:
            if not isinstance(profile, NumericProfile):
                return profile
            return profile.model_copy(update={"values": np.array(profile.values), "counts": np.array(profile.counts)})

        features = {name: unpack(profile) for name, profile in self.profile.features.items()}
        return self.profile.model_copy(update={"features": features, "probability": unpack(self.profile.probability)})

    def answering(self, stream: Stream) -> Champion:
        """Return the same model answering another stream, which is alike on the days it learned from."""
        scores = _score(self.booster, self.encoder.transform(stream.rows))
        return replace(self, probability=self.calibration.apply(scores))


def train_champion(
    stream: Stream, version: str, *, learn: np.ndarray, judge: np.ndarray, answers_from: int, branch: str = ""
) -> Champion:
    """Train on some rows, calibrate and profile by folds of the newest three weeks, and measure on other, newer rows."""
    rows, label, numbers = stream.rows, stream.label, stream.rows["_number"].to_numpy()
    encoder = Encoder.fit(rows.iloc[learn], NUMERIC, CATEGORICAL)
    matrix = encoder.transform(rows)
    last = numbers[learn].max()
    folds = [(learn[numbers[learn] <= last - back], learn[_within(numbers[learn], last - back, 7)]) for back in (21, 14, 7)]
    tested = np.concatenate([test for _, test in folds])
    scores = np.concatenate([_score(_boost(matrix, label, cut), matrix[test]) for cut, test in folds])
    calibration = fit_calibration("sigmoid", scores, label[tested])
    booster = _boost(matrix, label, learn)
    probability = calibration.apply(_score(booster, matrix))
    metrics = ("roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row")
    return Champion(
        version=version,
        name=(stream.seed, version, answers_from, branch),
        trained_through=int(numbers[judge].max()),
        answers_from=answers_from,
        encoder=encoder,
        booster=booster,
        calibration=calibration,
        probability=probability,
        profile=_profile(rows.iloc[learn], label[learn], rows.iloc[tested], calibration.apply(scores)),
        expected={name: measure(name, label[judge], probability[judge], threshold=THRESHOLD, costs=COSTS) for name in metrics},
        learned=learn,
    )


def first_champion(stream: Stream) -> Champion:
    """Train the champion that all nights of a stream begin with."""
    learn = stream.span(0, TRAINING_DAYS - 1)
    judge = stream.span(TRAINING_DAYS, TRAINING_DAYS + HOLDOUT_DAYS - 1)
    return train_champion(stream, "1", learn=learn, judge=judge, answers_from=FIRST_NIGHT)


@dataclass(frozen=True)
class Night:
    """What was decided in one night, and why."""

    number: int
    """The day that had just ended."""
    decision: NightDecision
    probe: ProbeMeasurement | None
    """What the probe found, where it was asked."""
    true_gain: float | None = None
    """Of a retraining: by how much the new champion's true ROC AUC on the four weeks to come is higher."""


@dataclass
class Watch:
    """A stream with its champion, night after night.

    Args:
        stream: The stream.
        champion: The champion it begins with.
        rules: The definition's sections.
        memory: Findings by what they rest on; hand the same one to streams of one seed that are alike for a while.
        features_from: First day whose features differ from the plain stream's; 0: always.
        labels_from: Likewise of labels and when they arrive.
        branch: Name of what this stream does from then on.
    """

    stream: Stream
    champion: Champion
    rules: Rules = field(default_factory=Rules)
    memory: MutableMapping[Hashable, object] = field(default_factory=dict)
    features_from: int = 0
    labels_from: int = 0
    branch: str = ""
    looks_at_data: bool = True
    """Whether quality and drift are looked at; otherwise they are taken to be well."""
    past: list[PastNight] = field(default_factory=list)
    aside: set[int] = field(default_factory=set)
    """Days set aside: no later night looks at them, nobody learns from them, no probe judges by them."""

    def night(self, number: int) -> Night:
        """Go through the night after a day, and train where it is decided so."""
        observations = {
            CheckKind.QUALITY: self._observe(CheckKind.QUALITY, number, self._quality, self.features_from),
            CheckKind.DRIFT: self._observe(CheckKind.DRIFT, number, self._drift, min(self.features_from, self.labels_from)),
            CheckKind.PERFORMANCE: self._observe(
                CheckKind.PERFORMANCE, number, self._performance, min(self.features_from, self.labels_from)
            ),
            CheckKind.OPERATIONS: self._observation(CheckKind.OPERATIONS, number, (_WELL,)),
        }
        rules, released_at = self.rules, night_of(self.champion.answers_from - 1)
        new_rows = len(self._known(self.champion.trained_through + 1, number - MATURE_DAYS, number))
        diagnosis = diagnose(
            observations,
            self.past,
            new_rows=new_rows,
            monitoring=rules.monitoring,
            retraining=rules.retraining,
            released_at=released_at,
        )
        alarmed = diagnosis.cause is Cause.CONCEPT_DRIFT
        probe = self._probe_once(number, alarmed) if diagnosis.wants_probe else None
        decision = decide_night(
            diagnosis,
            probe,
            self.past,
            new_rows=new_rows,
            released_at=released_at,
            monitoring=rules.monitoring,
            retraining=rules.retraining,
        )
        self.past.insert(0, PastNight.of(decision, f"night-{decision.as_of:%Y%m%d}"))
        if decision.action is Action.QUARANTINE:
            self.aside |= {(day - day_of(0)).days for day in decision.faulty_days}
        gain = self._retrain(number) if decision.action is Action.RETRAIN else None
        return Night(number, decision, probe, gain)

    def rows_of(self, first: int, last: int) -> pd.DataFrame:
        """Return the rows of some days as they arrived; a column that is gone on all of them is not there."""
        rows = self.stream.rows.iloc[self._watched(first, last)]
        return rows.drop(columns=[name for name in FEATURES if len(rows) and rows[name].isna().all()])

    def outcomes(self, number: int) -> pd.DataFrame:
        """Return the champion's answers with what was known after a day, as `performance_findings` takes them."""
        rules = self.rules.monitoring.performance
        back = 28 + (rules.window + rules.mature_after) // timedelta(days=1)
        at = self._watched(max(self.champion.answers_from, number - back), number)
        moment = number + 1 + night_of(0).hour / 24
        arrival, numbers = self.stream.arrival[at], self.stream.rows["_number"].to_numpy()[at]
        has_come = arrival <= moment
        return pd.DataFrame(
            {
                "_day": self.stream.rows["_day"].to_numpy()[at],
                "probability": self.champion.probability[at],
                "label": np.where(has_come, self.stream.label[at], np.nan),
                "_label_days": np.where(has_come, arrival - numbers - 1, np.nan),
            }
        )

    def true_auc(self, number: int, days: int = 7) -> float:
        """Return the expected ROC AUC of the champion's model on the days that end with one."""
        at = self.stream.span(number + 1 - days, number)
        return true_auc(self.stream.rows["_truth"].to_numpy()[at], self.champion.probability[at])

    def _quality(self, number: int) -> tuple[Finding, ...]:
        if not self.looks_at_data:
            return (_WELL,)
        rules = self.rules.monitoring.quality
        first, back = self._first_of_window(number), rules.trailing // timedelta(days=1)
        return quality_findings(
            self.rows_of(first, number),
            self.rows_of(first - back, first - 1),
            days=[day_of(day) for day in range(first, number + 1) if day not in self.aside],
            numeric=NUMERIC,
            categorical=CATEGORICAL,
            reference=self.champion.profile,
            rules=rules,
        )

    def _drift(self, number: int) -> tuple[Finding, ...]:
        if not self.looks_at_data:
            return (_WELL,)
        first, rules = self._first_of_window(number), self.rules.monitoring
        outcomes = self.outcomes(number)
        since = day_of(number - MATURE_DAYS + 1) - rules.performance.window
        matured = (outcomes["_day"] >= since) & (outcomes["_day"] <= day_of(number - MATURE_DAYS)) & outcomes["label"].notna()
        return drift_findings(
            self.rows_of(first, number).assign(probability=self.champion.probability[self._watched(first, number)]),
            reference=self.champion.unpacked,
            rules=rules,
            labels=outcomes.loc[matured, ["_day", "label"]],
        )

    def _first_of_window(self, number: int) -> int:
        return max(self.champion.answers_from, number + 1 - self.rules.monitoring.window // timedelta(days=1))

    def _performance(self, number: int) -> tuple[Finding, ...]:
        return performance_findings(
            self.outcomes(number),
            expected=self.champion.expected,
            rules=self.rules.monitoring.performance,
            threshold=THRESHOLD,
            costs=COSTS,
            last_mature_day=day_of(number - MATURE_DAYS),
        )

    def _observe(self, kind, number, look, differs_from):
        branch = self.branch if number >= differs_from else ""
        key = (kind, self.champion.name, number, branch, frozenset(self.aside))
        if key not in self.memory:
            self.memory[key] = look(number)
        return self._observation(kind, number, self.memory[key])

    def _observation(self, kind: CheckKind, number: int, findings: tuple[Finding, ...]) -> Observation:
        return Observation(
            model="simulated",
            as_of=night_of(number),
            kind=kind,
            release_version=self.champion.version,
            bundle_digest=self.champion.version * 32,
            first_day=None,
            last_day=None,
            rows=0,
            findings=findings,
        )

    def _watched(self, first: int, last: int) -> np.ndarray:
        """Return positions of the rows of some days, days set aside left out."""
        at = self.stream.span(first, last)
        return at[~np.isin(self.stream.rows["_number"].to_numpy()[at], list(self.aside))] if self.aside else at

    def _known(self, first: int, last: int, number: int) -> np.ndarray:
        """Return positions of rows of some days whose label could be read after a day, days set aside left out."""
        at = self._watched(first, last)
        return at[self.stream.arrival[at] <= number + 1 + night_of(0).hour / 24]

    def _probe_once(self, number: int, alarmed: bool) -> ProbeMeasurement:
        branch = self.branch if number >= min(self.features_from, self.labels_from) else ""
        key = ("probe", self.champion.name, number, branch, frozenset(self.aside), alarmed)
        if key not in self.memory:
            self.memory[key] = self._probe(number, alarmed)
        return self.memory[key]

    def _probe(self, number: int, alarmed: bool) -> ProbeMeasurement:
        rules, last = self.rules.retraining.probe, number - MATURE_DAYS
        first = max(last + 1 - rules.holdout // timedelta(days=1), self.champion.answers_from)
        judged = self._known(first, last, number)
        begins = self.stream.rows["_number"].to_numpy()[judged].min() if len(judged) else last + 1
        found = probe_improvement(
            self._labelled(self._known(0, begins - 1, number)),
            self._labelled(judged).assign(probability=self.champion.probability[judged]),
            numeric=NUMERIC,
            categorical=CATEGORICAL,
            recipe=choose_recipe("xgboost", RECIPE, self.rules.training),
            training=self.rules.training,
            gate=self.rules.gate,
            rules=rules,
            confidence=rules.confidence_when(alarmed=alarmed),
            champion_threshold=THRESHOLD,
        )
        return ProbeMeasurement(
            model="simulated",
            as_of=night_of(number),
            release_version=self.champion.version,
            bundle_digest=self.champion.version * 32,
            metric=self.rules.gate.primary.metric,
            confidence=rules.confidence_when(alarmed=alarmed),
            **found._asdict(),
        )

    def _labelled(self, at: np.ndarray) -> pd.DataFrame:
        return self.stream.rows.iloc[at].assign(_label=self.stream.label[at])

    def _retrain(self, number: int) -> float:
        """Train on all matured days but the newest seven, which say what to expect; it answers from the next day on."""
        old, last = self.champion, number - MATURE_DAYS
        self.champion = train_champion(
            self.stream,
            str(int(old.version) + 1),
            learn=self._known(0, last - 7, number),
            judge=self._known(last - 6, last, number),
            answers_from=number + 1,
            branch=self.branch,
        )
        at = self.stream.span(number + 1, number + 28)
        truth = self.stream.rows["_truth"].to_numpy()[at]
        return true_auc(truth, self.champion.probability[at]) - true_auc(truth, old.probability[at])


_WELL = Finding(check="not_looked_at", subject="all", severity=Severity.OK, reason="taken to be well")


def true_auc(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the ROC AUC that is expected of answers to rows whose true probabilities are known."""
    labels = np.repeat([1.0, 0.0], len(truth))
    return roc_auc(labels, np.tile(probability, 2), weights=np.r_[truth, 1 - truth])


def _within(numbers: np.ndarray, after: int, days: int) -> np.ndarray:
    return (numbers > after) & (numbers <= after + days)


def _boost(matrix: np.ndarray, label: np.ndarray, at: np.ndarray) -> xgboost.Booster:
    types = ["q"] * len(NUMERIC) + ["c"] * len(CATEGORICAL)
    rows = xgboost.QuantileDMatrix(matrix[at], label[at], feature_types=types, enable_categorical=True, nthread=1)
    settings = {**RECIPE, "objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 1}
    rounds = int(settings.pop("rounds"))
    return xgboost.train(settings, rows, num_boost_round=rounds)


def _score(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    margins = booster.inplace_predict(matrix, predict_type="margin", validate_features=False)
    return np.asarray(margins, dtype=np.float64).reshape(len(matrix))


def _profile(rows: pd.DataFrame, label: np.ndarray, tested: pd.DataFrame, probability: np.ndarray) -> ReferenceProfile:
    days = rows["_day"].to_numpy(dtype="datetime64[D]")
    tested_days = tested["_day"].to_numpy(dtype="datetime64[D]")
    sizes = rows.groupby("_number").size()
    by_weekday = sizes.groupby(sizes.index % 7).mean().reindex(range(7), fill_value=0.0)
    features = {name: profile_numeric(rows[name].to_numpy(), days) for name in NUMERIC}
    features |= {name: profile_category(rows[name].to_numpy(), days) for name in CATEGORICAL}
    return ReferenceProfile(
        rows=len(rows),
        days=len(sizes),
        features=features,
        probability=profile_numeric(probability, tested_days),
        positive_share=float(label.mean()),
        answer_share=float((probability >= THRESHOLD).mean()),
        rows_by_weekday=tuple(by_weekday.astype(float)),
    )
