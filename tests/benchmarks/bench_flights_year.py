"""The flights of 2013, night by night: `python tests/benchmarks/bench_flights_year.py [--frame PATH]`.

The definition's own sections watch and retrain a model from April to December, with the pure core of every stage, on features
that are built once. Beside it go three policies that look at nothing: never train again, each month, each week. All of them fit
by one recipe without a search, so that only what was learned from differs. PATH keeps the features for another run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from evergreen.definitions import load_definition
from evergreen.measurement import direction
from evergreen.observation import Action, Cause, CheckKind, Finding, NightDecision, Observation, PastNight, ProbeMeasurement
from evergreen.reference_profile import NumericProfile
from evergreen.settings import Settings
from evergreen.stages.check_drift import drift_findings
from evergreen.stages.check_operations.findings import operations_findings
from evergreen.stages.check_performance import performance_findings
from evergreen.stages.check_quality import quality_findings
from evergreen.stages.probe import choose_recipe, probe_improvement
from evergreen.stages.retrain import decide_night
from evergreen.stages.triage import diagnose
from evergreen.statistics.measures import measure, measure_by_cluster
from evergreen.statistics.paired_cluster_bootstrap import Interval, paired_cluster_bootstrap
from evergreen.statistics.population_stability_index import (
    population_stability_index,
    population_stability_index_of_numbers,
)
from evergreen.statistics.roc_auc import roc_auc
from flights_year import (
    BEGIN,
    END,
    ONE_DAY,
    RECIPE,
    RELEASE,
    Champion,
    Year,
    build_frame,
    day_of,
    naive_utc,
    number_of,
    train_watched,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

USUAL_DAYS = 28
"""Days before the judged ones that say which share of labels is usual."""
NAIVE_LIMIT = 0.2
"""Index of population stability from which it is customary to alarm."""
REPLAYED = ("null_answers", "constant_answers", "answer_share")
"""What of the check of operations is about the answers; nothing else of the machinery is replayed."""


@dataclass
class Watch:
    """The year under monitoring."""

    year: Year
    champion: Champion
    past: list[PastNight] = field(default_factory=list)
    aside: set[int] = field(default_factory=set)
    pending: Champion | None = None
    answered: np.ndarray = field(init=False)
    nights: list[NightDecision] = field(default_factory=list)
    gates: list[tuple[date, Interval, list[str]]] = field(default_factory=list)
    """Per training: the night, the gain, and the guards that were broken."""
    released: int = 0
    naive: int = 0

    def __post_init__(self) -> None:
        """Begin with no answers."""
        self.answered = np.full(len(self.year.rows), np.nan)

    def night(self, number: int) -> None:
        """Go through the night after a day, and train where it is decided so."""
        if self.pending and self.pending.answers_from <= number:
            self.champion, self.pending = self.pending, None
        today = self.year.span(number, number)
        self.answered[today] = self.champion.probability[today]
        rules, champion, as_of = self.year.definition, self.champion, self.year.night_of(number)
        first = max(champion.answers_from, number + 1 - rules.monitoring.window // ONE_DAY)
        window = self._said(first, number)
        self.naive += self._naive_alarm(window)
        observations = {
            CheckKind.QUALITY: self._quality(window, first, number),
            CheckKind.DRIFT: self._drift(window, number),
            CheckKind.PERFORMANCE: self._performance(number),
            CheckKind.OPERATIONS: self._operations(window),
        }
        since = max(champion.trained_through + 1, number_of(RELEASE), number - self._back())
        terms = {
            "new_rows": len(self.year.known(since, number, number, self.aside)),
            "released_at": champion.released_at,
            "monitoring": rules.monitoring,
            "retraining": rules.retraining,
        }
        seen = {kind: self._observation(kind, number, found) for kind, found in observations.items()}
        diagnosis = diagnose(seen, self.past, **terms)
        alarmed = diagnosis.cause is Cause.CONCEPT_DRIFT
        probe = self._probe(number, as_of, alarmed) if diagnosis.wants_probe else None
        decision = decide_night(diagnosis, probe, self.past, **terms)
        self.nights.append(decision)
        self.past.insert(0, PastNight.of(decision, f"night-{decision.as_of:%Y%m%d}"))
        if decision.action is Action.QUARANTINE:
            self.aside |= {number_of(day) for day in decision.faulty_days}
        if decision.action is Action.RETRAIN:
            self._retrain(number)

    def _back(self) -> int:
        return USUAL_DAYS + self.year.mature_days + self.year.definition.monitoring.performance.window // ONE_DAY

    def _said(self, first: int, last: int) -> pd.DataFrame:
        at = self.year.span(first, last, self.aside)
        probability = self.champion.probability[at]
        return self.year.rows.iloc[at].assign(probability=probability, decision=probability >= self.year.threshold)

    def _quality(self, window: pd.DataFrame, first: int, number: int) -> tuple[Finding, ...]:
        rules = self.year.definition.monitoring.quality
        back = rules.trailing // ONE_DAY
        return quality_findings(
            window,
            self.year.rows.iloc[self.year.span(first - back, first - 1, self.aside)],
            days=[day_of(day) for day in range(first, number + 1) if day not in self.aside],
            numeric=self.year.numeric,
            categorical=self.year.categorical,
            reference=self.champion.profile,
            rules=rules,
        )

    def _drift(self, window: pd.DataFrame, number: int) -> tuple[Finding, ...]:
        rules, last = self.year.definition.monitoring, number - self.year.mature_days
        outcomes = self._outcomes(number)
        since = day_of(last + 1) - rules.performance.window
        matured = (outcomes["_day"] >= since) & (outcomes["_day"] <= day_of(last)) & outcomes["label"].notna()
        labels = outcomes.loc[matured, ["_day", "label"]]
        return drift_findings(window, reference=self.champion.profile, rules=rules, labels=labels)

    def _performance(self, number: int) -> tuple[Finding, ...]:
        return performance_findings(
            self._outcomes(number),
            expected=self.champion.expected,
            rules=self.year.definition.monitoring.performance,
            threshold=self.year.threshold,
            costs=self.year.definition.training.costs,
            last_mature_day=day_of(number - self.year.mature_days),
        )

    def _operations(self, window: pd.DataFrame) -> tuple[Finding, ...]:
        found = operations_findings(
            window,
            runs=(),
            feature_age_hours={},
            hours_unwatched=24.0,
            reference=self.champion.profile,
            rules=self.year.definition.monitoring.operations,
        )
        return tuple(finding for finding in found if finding.check in REPLAYED)

    def _outcomes(self, number: int) -> pd.DataFrame:
        at = self.year.span(max(self.champion.answers_from, number - self._back()), number, self.aside)
        has_come = self.year.arrival[at] <= naive_utc(self.year.night_of(number))
        slices = [name for name in self.year.rows.columns if name.startswith("_slice_")]
        return self.year.rows.iloc[at][["_day", *slices]].assign(
            probability=self.champion.probability[at],
            label=np.where(has_come, self.year.label[at], np.nan),
            _label_days=np.where(has_come, self.year.waited[at], np.nan),
        )

    def _observation(self, kind: CheckKind, number: int, findings: tuple[Finding, ...]) -> Observation:
        return Observation(
            model=self.year.definition.name,
            as_of=self.year.night_of(number),
            kind=kind,
            release_version=str(self.champion.version),
            bundle_digest=self.champion.digest,
            first_day=None,
            last_day=None,
            rows=0,
            findings=findings,
        )

    def _naive_alarm(self, window: pd.DataFrame) -> bool:
        def index(name: str) -> float:
            profile = self.champion.profile.features[name]
            if isinstance(profile, NumericProfile):
                return population_stability_index_of_numbers(profile, window[name].to_numpy())
            return population_stability_index(profile, Counter(window[name].dropna()))

        return any(index(name) > NAIVE_LIMIT for name in self.champion.profile.features)

    def _probe(self, number: int, as_of: datetime, alarmed: bool) -> ProbeMeasurement:
        year, rules, last = self.year, self.year.definition.retraining.probe, number - self.year.mature_days
        first = max(last + 1 - -(-rules.holdout // ONE_DAY), self.champion.answers_from)
        judged = year.known(first, last, number, self.aside)
        begins = int(year.number[judged].min()) if len(judged) else last + 1
        found = probe_improvement(
            year.rows.iloc[year.known(0, begins - 1, number, self.aside)],
            year.rows.iloc[judged].assign(probability=self.champion.probability[judged]),
            numeric=year.numeric,
            categorical=year.categorical,
            recipe=choose_recipe("xgboost", RECIPE, year.definition.training),
            training=year.definition.training,
            gate=year.definition.gate,
            rules=rules,
            confidence=rules.confidence_when(alarmed=alarmed),
            champion_threshold=year.threshold,
        )
        return ProbeMeasurement(
            model=year.definition.name,
            as_of=as_of,
            release_version=str(self.champion.version),
            bundle_digest=self.champion.digest,
            metric=year.definition.gate.primary.metric,
            confidence=rules.confidence_when(alarmed=alarmed),
            **found._asdict(),
        )

    def _retrain(self, number: int) -> None:
        """Train in the night after a day; what the gate lets through answers from the day after the next night."""
        year, challenger = self.year, train_watched(self.year, number, self.champion.version + 1, number + 2, self.aside)
        first = max(challenger.trained_through, self.champion.trained_through) + 1
        judged = year.known(first, number - year.mature_days, number, self.aside)
        found, broken = self._gain(challenger, judged), self._broken_guards(challenger, judged)
        passed = found.lower > 0 and found.estimate >= year.definition.gate.primary.minimum_effect and not broken
        self.gates.append((day_of(number + 1), found, broken))
        if passed:
            self.pending = challenger
            self.released += 1

    def _broken_guards(self, challenger: Champion, at: np.ndarray) -> list[str]:
        year, broken = self.year, []
        for guard in year.definition.gate.guards:
            new, old = (
                measure(
                    guard.metric,
                    year.label[at],
                    model.probability[at],
                    threshold=year.threshold,
                    costs=year.definition.training.costs,
                )
                for model in (challenger, self.champion)
            )
            sign = direction(guard.metric)
            if guard.limit is not None and sign * new < sign * guard.limit:
                broken.append(f"{guard.metric} {new:.3f}, limit {guard.limit:g}")
            if guard.max_worsening is not None and sign * (old - new) > guard.max_worsening:
                broken.append(f"{guard.metric} worse by {sign * (old - new):.3f}, at most {guard.max_worsening:g}")
        return broken

    def _gain(self, challenger: Champion, at: np.ndarray) -> Interval:
        year, gate = self.year, self.year.definition.gate
        days, clusters = np.unique(year.number[at], return_inverse=True)
        new, old = (
            measure_by_cluster(
                gate.primary.metric,
                year.label[at],
                model.probability[at],
                clusters.astype(np.int64),
                threshold=year.threshold,
                costs=year.definition.training.costs,
            )
            for model in (challenger, self.champion)
        )
        return paired_cluster_bootstrap(
            lambda counts: new(counts) - old(counts),
            len(days),
            confidence=gate.primary.confidence,
            resamples=gate.resamples,
            seed=gate.seed,
        )


@dataclass(frozen=True)
class Outcome:
    """What came of a policy, beyond the first training that all of them share."""

    answered: np.ndarray
    """What it said of every row since the release."""
    trainings: int
    releases: int
    seconds: float


def go_by_calendar(year: Year, first: Champion, trains_on: Callable[[date], bool]) -> Outcome:
    """Train on some days and release whatever comes of it; it answers from the day after, as under monitoring."""
    answered, trainings, began = first.probability.copy(), 0, time.process_time()
    for day in range(number_of(RELEASE) + 1, number_of(END)):
        if trains_on(day_of(day)):
            number, trainings = day - 1, trainings + 1
            learn = year.known(0, number - year.mature_days, number)
            asked = year.span(day + 1, min(day + 32, number_of(END)))
            answered[asked] = year.refit(learn, asked)[asked]
    return Outcome(answered, trainings, trainings, time.process_time() - began)


def show_nights(watch: Watch) -> None:
    """Print the nights on which something was seen, those that are alike and follow each other as one, and what was counted."""
    for same in _runs_of(watch.nights):
        first, last = same[0], same[-1]
        if first.cause is not Cause.NOTHING or first.action not in (Action.LOG, Action.WAIT) or first.probed:
            through = f" to {last.as_of:%m-%d}, {len(same)} nights" if len(same) > 1 else ""
            print(f"{first.as_of:%Y-%m-%d}{through}: {first.cause} -> {first.action}. {' '.join(first.reasons)[:420]}")
    for day, found, broken in watch.gates:
        print(f"gate {day}: {found.estimate:+.4f}, lower bound {found.lower:+.4f}; broken: {'; '.join(broken) or 'none'}")
    counted = Counter((night.cause.value, night.action.value) for night in watch.nights)
    print(
        f"{len(watch.nights)} nights:",
        ", ".join(f"{cause} -> {done} {count}" for (cause, done), count in counted.most_common()),
    )
    print("days set aside:", *sorted({str(day) for night in watch.nights for day in night.faulty_days}))
    print("probes answered:", sum(night.probed for night in watch.nights))
    print(f"nights on which any feature's index of population stability was over {NAIVE_LIMIT}:", watch.naive)


def _runs_of(nights: list[NightDecision]) -> list[list[NightDecision]]:
    """Return nights that follow each other with the same cause and action; a night with a probe stands alone."""
    runs: list[list[NightDecision]] = []
    for night in nights:
        before = runs[-1][-1] if runs else None
        alike = before is not None and (night.cause, night.action) == (before.cause, before.action)
        if alike and not night.probed and not before.probed:
            runs[-1].append(night)
        else:
            runs.append([night])
    return runs


def show_policies(year: Year, policies: dict[str, Outcome]) -> None:
    """Print each policy's ROC AUC by month and what it cost."""
    months = pd.DatetimeIndex(year.rows["_day"].to_numpy(dtype="datetime64[D]")).month.to_numpy()
    served = np.zeros(len(year.rows), dtype=bool)
    served[year.span(number_of(RELEASE), number_of(END))] = True
    served &= np.isfinite(year.label)
    table = {}
    for name, found in policies.items():
        column: dict[str, object] = {}
        for month in range(RELEASE.month, END.month + 1):
            at = served & (months == month)
            column[f"{BEGIN:%Y}-{month:02d}"] = f"{roc_auc(year.label[at], found.answered[at]):.4f}"
        column["all"] = f"{roc_auc(year.label[served], found.answered[served]):.4f}"
        table[name] = column | {"trainings": found.trainings, "releases": found.releases, "CPU s": round(found.seconds)}
    print(pd.DataFrame(table).to_string())


def run(year: Year) -> None:
    """Go through all policies on the same rows."""
    day, policies, began = number_of(RELEASE), {}, time.process_time()
    first = train_watched(year, day - 1, 1, day)
    policies["never"] = Outcome(first.probability, 0, 0, time.process_time() - began)
    for name, trains_on in {"monthly": lambda d: d.day == 1, "weekly": lambda d: d.weekday() == 0}.items():
        policies[name] = go_by_calendar(year, first, trains_on)
    watch, began = Watch(year, first), time.process_time()
    for number in range(day, number_of(END) + 1):
        watch.night(number)
    policies["evergreen"] = Outcome(watch.answered, len(watch.gates), watch.released, time.process_time() - began)
    show_nights(watch)
    show_policies(year, policies)


if __name__ == "__main__":
    from bench_monitoring_errors import remembered_days

    parser = argparse.ArgumentParser()
    parser.add_argument("--frame", type=Path, help="Parquet file of the features; made where it is not there yet")
    path = parser.parse_args().frame
    flights = load_definition(Settings().definitions_dir / "flight_delays")
    if path is not None and path.exists():
        frame = pd.read_parquet(path)
    else:
        frame = build_frame(flights)
        if path is not None:
            frame.to_parquet(path)
    with remembered_days():
        run(Year(flights, frame))
