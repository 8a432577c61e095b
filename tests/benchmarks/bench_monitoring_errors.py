"""How often monitoring is wrong: `python tests/benchmarks/bench_monitoring_errors.py RESULTS [seeds] [part …]`.

Every seed simulates streams in which the truth is known and goes through their nights as the stages do, with the pure core of
each. What was found is appended to RESULTS, a line of JSON each, so that a run can be cut short and gone on with;
`… RESULTS show` prints the tables of monitoring-error-rates.md.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from evergreen.observation import Action, Cause
from evergreen.stages.check_quality import columns, findings, scale, shape, shares, usual
from evergreen.stages.check_quality.columns import DayValues
from evergreen.stages.probe import improvement
from evergreen.stages.retrain.answer import judge_probe
from evergreen.statistics.roc_auc import roc_auc
from monitoring_measurements import (
    CATEGORICAL,
    FIRST_NIGHT,
    MATURE_DAYS,
    NUMERIC,
    THRESHOLD,
    Watch,
    first_champion,
)
from monitoring_simulation import FEATURES, NO_DRIFT, Drift, World, day_of, shift_by_seed, simulate

ONSET = FIRST_NIGHT + 30
"""The day from which something is different; the champion has answered for 30 nights by then."""
WORLD = World(days=FIRST_NIGHT + 90 + 30)
CALM = replace(WORLD, day_effects=False, unseen_day_effect=0.0)
EARLY = replace(WORLD, positives_sooner=10.0)
SLOW = replace(WORLD, positives_sooner=10.0, label_median_days=5.0)
WORTH = 0.005
"""True gain in ROC AUC below which a training was not worth its price: the default `minimum_effect`."""


@dataclass(frozen=True)
class Scenario:
    """What is planted, and what ought to be done about it."""

    expected: Action
    nights: int
    """From the onset on; what happens later does not count."""
    world: World = WORLD
    drift: object = None
    """Seed to `Drift`."""
    fault: object = None
    """(seed, rows from the onset on) to the rows that arrive."""
    labels_differ: bool = False
    seeds: int = 1000
    aftermath: int = 0
    """Nights more, to see what a fault does later."""


def unit_change(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Change the unit of one feature, for half of the seeds of two."""
    changes = (
        ("duration", lambda x: x * 60),
        ("temperature", lambda x: (x - 32) / 1.8),
        ("length", lambda x: x * 2.54),
        ("weight", lambda x: x * 1000),
    )
    for name, change in [changes[(seed + more) % 4] for more in range(1 + seed // 10 % 2)]:
        rows[name] = change(rows[name])
    return rows


def small_unit_change(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Change a unit by less than the limit of 3, of a feature as wide as it is large: kilometres for miles, or inches."""
    rows["distance"] *= (1.609, 2.54)[seed % 2]
    return rows


def null_burst(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Lose 60 % of one feature's values for three days."""
    name = FEATURES[seed * 7 % len(FEATURES)]
    hit = (rows["_number"] < ONSET + 3) & (np.random.default_rng([seed, 6]).random(len(rows)) < 0.6)
    rows[name] = rows[name].mask(hit)
    return rows


def missing_partition(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Lose a day, or for odd seeds all but the first hours of one."""
    kept_hours = 4 if seed % 2 else 0
    return rows[(rows["_number"] != ONSET) | (rows["_event_time"].dt.hour < kept_hours)]


def schema_change(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Lose a column for good."""
    name = FEATURES[(seed * 7 + 3) % len(FEATURES)]
    rows[name] = None if name in CATEGORICAL else np.nan
    return rows


SCENARIOS = {
    "nothing": Scenario(Action.LOG, 60),
    "nothing, independent rows": Scenario(Action.LOG, 60, world=CALM, seeds=2),
    "unit change": Scenario(Action.QUARANTINE, 3, fault=unit_change, aftermath=25),
    "small unit change": Scenario(Action.QUARANTINE, 3, fault=small_unit_change),
    "null burst": Scenario(Action.QUARANTINE, 3, fault=null_burst, aftermath=25),
    "missing partition": Scenario(Action.QUARANTINE, 3, fault=missing_partition),
    "schema change": Scenario(Action.QUARANTINE, 3, fault=schema_change, aftermath=25),
    "sudden covariate shift": Scenario(Action.LOG, 30, drift=lambda seed: Drift(ONSET, shift=shift_by_seed(seed))),
    "gradual covariate shift": Scenario(
        Action.LOG, 40, drift=lambda seed: Drift(ONSET, over_days=30, shift=shift_by_seed(seed))
    ),
    "sudden concept drift": Scenario(Action.RETRAIN, 60, drift=lambda _: Drift(ONSET, concept=True)),
    "gradual concept drift": Scenario(Action.RETRAIN, 60, drift=lambda _: Drift(ONSET, over_days=40, concept=True)),
    "early positives": Scenario(Action.LOG, 30, world=EARLY, labels_differ=True),
    "early positives, slow labels": Scenario(Action.LOG, 30, world=SLOW, labels_differ=True),
}
_DECISION = import_module("evergreen.stages.retrain.decide_night")  # the package gives the function under that name
AFTERMATH_SEEDS = 1
"""Seeds for which the weeks after a fault are gone through as well."""


def watch_of(name: str, seed: int, champions: dict, memory: dict) -> Watch:
    """Return a scenario's stream with its first champion, which all scenarios of a world and seed share."""
    scenario = SCENARIOS[name]
    drift = scenario.drift(seed) if scenario.drift else NO_DRIFT
    fault = (ONSET, partial(scenario.fault, seed)) if scenario.fault else None
    stream = simulate(seed, scenario.world, drift, fault)
    world = scenario.world.day_effects
    if world not in champions:
        champions[world] = first_champion(simulate(seed, scenario.world))
    features_from = ONSET if fault or drift.shift else 10**6
    return Watch(
        stream,
        champions[world].answering(stream),
        memory=memory.setdefault(world, {}),
        features_from=features_from,
        labels_from=0 if scenario.labels_differ else ONSET if drift.concept else 10**6,
        branch=name,
    )


def go_through(name: str, seed: int, champions: dict, memory: dict) -> dict[str, object]:
    """Go through the nights of a scenario and say what was done in each."""
    scenario, watch = SCENARIOS[name], watch_of(name, seed, champions, memory)
    last = ONSET + scenario.nights + (scenario.aftermath if seed < AFTERMATH_SEEDS else 0)
    done = []
    # A fault does not wait for what was before it: for most seeds its nights alone are gone through.
    first = ONSET - 1 if scenario.fault and seed >= AFTERMATH_SEEDS else FIRST_NIGHT
    for number in range(first, last):
        night = watch.night(number)
        decision = night.decision
        done.append(
            {
                "night": number - ONSET,
                "action": decision.action.value,
                "cause": decision.cause.value,
                "alarms": decision.alarms,
                "faulty": [(day - day_of(ONSET)).days for day in decision.faulty_days],
                "probe": night.probe and night.probe.improvement,
                "lower": night.probe and night.probe.lower,
                "gain": night.true_gain,
                "auc": watch.true_auc(number),
            }
        )
        if scenario.expected is Action.RETRAIN and decision.action is Action.RETRAIN and number >= ONSET + 30:
            break
    return {"part": "nights", "scenario": name, "seed": seed, "nights": done}


def quiet_probes(seed: int, champions: dict) -> list[dict[str, object]]:
    """Go through quiet nights with nothing but performance looked at, by the rule in force and by the estimate alone.

    Where no fault and no drift is found, which is so in quiet streams, these are the same retrainings as with every check.
    """
    found = []
    for rule in ("in force", "by the estimate"):
        watch = watch_of("nothing", seed, champions, {})
        watch.looks_at_data = False
        with patch.object(_DECISION, "judge_probe", judge_probe if rule == "in force" else _by_the_estimate):
            nights = [watch.night(number) for number in range(FIRST_NIGHT, FIRST_NIGHT + 90)]
        found.append(
            {
                "part": "probes",
                "rule": rule,
                "seed": seed,
                "probes": [(n.number - FIRST_NIGHT, n.probe.improvement, n.probe.lower) for n in nights if n.probe],
                "gains": [n.true_gain for n in nights if n.true_gain is not None],
            }
        )
    return found


def _by_the_estimate(diagnosis, probe, rules, sizes):
    """Rule on every probe as on one that an alarm asked for."""
    return judge_probe(diagnosis.model_copy(update={"cause": Cause.CONCEPT_DRIFT}), probe, rules, sizes)


def early_positives(seed: int, champions: dict) -> list[dict[str, object]]:
    """Measure figures over whatever labels are there, and over matured days, against what will prove true of the same days."""
    found = []
    for name, world in {
        "even": WORLD,
        "ten times sooner": EARLY,
        "ten times sooner, likely ones first": replace(EARLY, obvious_sooner=1.0),
        "ten times sooner, slow labels": SLOW,
    }.items():
        stream = simulate(seed, world)
        champion = champions[True].answering(stream)
        for number in range(FIRST_NIGHT + 28, FIRST_NIGHT + 90, 9):
            for way, last in (("naive", number), ("missing is no", number), ("mature", number - MATURE_DAYS)):
                at = stream.span(last - 13, last)
                has_come = stream.arrival[at] <= number + 1 + 5 / 24
                label, said = stream.label[at], champion.probability[at]
                seen = np.where(has_come, label, 0.0) if way == "missing is no" else label
                use = np.ones(len(at), dtype=bool) if way == "missing is no" else has_come
                bias = {key: value - _figures(label, said)[key] for key, value in _figures(seen[use], said[use]).items()}
                found.append({"part": "early", "seed": seed, "world": name, "way": way, "night": number, **bias})
    return found


def _figures(label, said):
    yes = said >= THRESHOLD
    return {
        "recall": float((yes & (label > 0)).sum() / (label > 0).sum()),
        "precision": float((yes & (label > 0)).sum() / yes.sum()),
        "roc_auc": roc_auc(label, said),
        "share_of_yes": float(label.mean()),
    }


STOCK = {
    "nothing": (-10, 10, 40),
    "nothing, independent rows": (-10, 10, 40),
    "unit change": (1, 6),
    "null burst": (1, 6),
    "missing partition": (1, 6),
    "schema change": (1, 6),
    "sudden covariate shift": (1, 6),
    "gradual covariate shift": (6, 29),
    "sudden concept drift": (6, 20),
}
"""Nights, from the onset on, on whose window of seven days the stock preset is asked; those of concept drift hold the features
of quiet nights."""


def stock_preset(name: str, seed: int, champions: dict) -> list[dict[str, object]]:
    """Ask Evidently's DataDriftPreset, as it comes, about windows of seven days against the rows the champion learned from."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    watch = watch_of(name, seed, champions, {})
    columns = DataDefinition(numerical_columns=list(NUMERIC), categorical_columns=list(CATEGORICAL))
    reference = watch.stream.rows.iloc[watch.champion.learned][list(FEATURES)]
    found = []
    for after in STOCK[name]:
        window = watch.rows_of(ONSET + after - 6, ONSET + after)
        window = window[[feature for feature in FEATURES if feature in window]]
        answer: dict[str, object] = {"part": "stock", "scenario": name, "seed": seed, "night": after}
        try:
            datasets = [Dataset.from_pandas(frame, data_definition=columns) for frame in (window, reference)]
            snapshot = Report([DataDriftPreset()]).run(*datasets).dict()
            counts = next(m["value"] for m in snapshot["metrics"] if "DriftedColumnsCount" in m["metric_name"])
            answer |= {"columns": float(counts["count"]), "dataset": float(counts["share"]) >= 0.5}
        except ValueError as error:
            answer |= {"columns": None, "dataset": None, "error": str(error)[:80]}
        found.append(answer)
    return found


def run(results: Path, seeds: range, parts: list[str]) -> None:
    """Append what is found, seed by seed; what RESULTS holds already is not measured again."""
    known = {json.dumps(key(line)) for line in _read(results)}

    def keep(lines) -> None:
        with results.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    for seed in seeds:
        champions, memory, began = {}, {}, time.monotonic()
        champions[True] = first_champion(simulate(seed, WORLD))
        for name, scenario in SCENARIOS.items():
            if ("faults" if scenario.fault else "nights") not in parts:
                continue
            if seed < scenario.seeds and json.dumps(["nights", name, seed]) not in known:
                keep([go_through(name, seed, champions, memory)])
        if "probes" in parts and json.dumps(["probes", "", seed]) not in known:
            keep(quiet_probes(seed, champions))
        if "early" in parts and json.dumps(["early", "", seed]) not in known:
            keep(early_positives(seed, champions))
        for name in STOCK if "stock" in parts else ():
            if json.dumps(["stock", name, seed]) not in known:
                keep(stock_preset(name, seed, champions))
        print(f"seed {seed}: {time.monotonic() - began:.0f} s", flush=True)


def key(line: dict[str, object]) -> list[object]:
    """Return what a line is about."""
    return [line["part"], line.get("scenario", ""), line["seed"]]


def _read(results: Path) -> list[dict]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def outcome(scenario: Scenario, nights: list[dict]) -> tuple[str, int | None]:
    """Return what was done first, from the onset on, that is more than to log or wait, and how many nights after the onset.

    What comes after the scenario's nights does not count. Nor does what comes before the onset, which is the same in every
    scenario of a seed: it is counted once, among the quiet nights.
    """
    for night in nights:
        if 0 <= night["night"] < scenario.nights and night["action"] not in ("log", "wait"):
            return night["action"], night["night"]
    return "log", None


def is_worth_it(scenario: Scenario, nights: list[dict]) -> bool:
    """Return whether a training was started where none was expected, and every one of the stream was worth its price."""
    within = [night for night in nights if 0 <= night["night"] < scenario.nights]
    acted = [night for night in within if night["action"] not in ("log", "wait")]
    return scenario.expected is Action.LOG and bool(acted) and all((night["gain"] or 0.0) >= WORTH for night in acted)


def acts_early(nights: list[dict]) -> bool:
    """Return whether anything was done before the onset."""
    return any(night["night"] < 0 and night["action"] not in ("log", "wait") for night in nights)


def show(lines: list[dict]) -> None:
    """Print every table."""
    streams = defaultdict(list)
    for line in lines:
        if line["part"] == "nights":
            streams[line["scenario"]].append(line["nights"])
    show_confusion(streams)
    show_retrainings(streams)
    show_rules(streams)
    show_probes([line for line in lines if line["part"] == "probes"])
    show_early([line for line in lines if line["part"] == "early"])
    show_stock([line for line in lines if line["part"] == "stock"])


def show_confusion(streams: dict[str, list]) -> None:
    """Print what was done first in each scenario, and after how many nights."""
    total = Counter()
    for name, scenario in SCENARIOS.items():
        found = [outcome(scenario, nights) for nights in streams.get(name, [])]
        if not found:
            continue
        right = sum(action == scenario.expected.value for action, _ in found)
        helped = sum(is_worth_it(scenario, nights) for nights in streams[name])
        if name != "small unit change":
            total.update(right=right, helped=helped, all=len(found))
        delays = [delay for action, delay in found if action == scenario.expected.value and delay is not None]
        late = f"median {np.median(delays):g}, most {max(delays)}" if delays else "-"
        early = sum(acts_early(nights) for nights in streams[name])
        print(f"{name:32} expects {scenario.expected.value:10} right {right:2} of {len(found)},", end=" ")
        print(f"another action that was worth its price {helped}; nights: {late};", end=" ")
        print(dict(Counter(action for action, _ in found)), f"acted before the onset: {early}")
    if total:
        share, with_helped = total["right"] / total["all"], (total["right"] + total["helped"]) / total["all"]
        print(
            f"in all, without the small unit change: {total['right']} of {total['all']} = {share:.1%}; with trainings where "
            f"none was asked for that were worth their price: {with_helped:.1%}"
        )


def show_retrainings(streams: dict[str, list]) -> None:
    """Print retrainings, worth their price or not, quarantines, and the days wrongly set aside."""
    print("\nper stream: retrainings, of them worth less than", WORTH, "- probes - nights of quarantine - causes")
    for name, found in streams.items():
        nights = [night for stream in found for night in stream]
        gains = [night["gain"] for night in nights if night["gain"] is not None]
        false = [gain for gain in gains if gain < WORTH]
        per = [sum(n["gain"] is not None and n["gain"] < WORTH for n in stream) for stream in found]
        print(
            f"{name:32} nights {len(nights) / len(found):5.1f} retrainings {len(gains) / len(found):.2f} "
            f"false {len(false) / len(found):.2f} (most {max(per)}) "
            f"probes {sum(n['probe'] is not None for n in nights) / len(found):.2f} "
            f"quarantine {sum(n['action'] == 'quarantine' for n in nights) / len(found):.2f} "
            f"gains {[round(g, 4) for g in gains][:20]}",
            dict(Counter(night["cause"] for night in nights)),
        )


def show_rules(streams: dict[str, list]) -> None:
    """Print how many probes say yes, by the estimate and by its lower bound."""
    print("\nprobes that say yes: improvement >= 0.005 and lower > 0 | lower >= 0.005")
    for name, found in streams.items():
        for alarmed in (False, True):
            asked = [n for s in found for n in s if n.get("lower") is not None and (n["cause"] == "concept_drift") == alarmed]
            yes = [n for n in asked if n["probe"] >= 0.005 and n["lower"] > 0]
            print(
                f"{name:32} {'on an alarm' if alarmed else 'without one':12} asked {len(asked) / len(found):.2f} "
                f"yes {len(yes) / len(found):.2f} | {sum(n['lower'] >= 0.005 for n in asked) / len(found):.2f}"
            )


def show_probes(lines: list[dict]) -> None:
    """Print retrainings of quiet nights by rule."""
    for rule in sorted({line["rule"] for line in lines}):
        gains = [line["gains"] for line in lines if line["rule"] == rule]
        each = [gain for stream in gains for gain in stream]
        false = [sum(gain < WORTH for gain in stream) for stream in gains]
        print(
            f"\n90 quiet nights, rule {rule}: {len(gains)} seeds, retrainings {len(each) / len(gains):.2f}, most "
            f"{max(map(len, gains))}; gain below {WORTH}: {np.mean(false):.2f}, most {max(false)}; below 0: "
            f"{sum(gain < 0 for gain in each)}; true gain median {np.median(each) if each else 0:.4f}; "
            f"probes {np.mean([len(line['probes']) for line in lines if line['rule'] == rule]):.1f}; "
            f"seeds without any {sum(not stream for stream in gains)}"
        )


def show_early(lines: list[dict]) -> None:
    """Print the bias of each way to take figures."""
    if lines:
        frame = pd.DataFrame(lines).drop(columns=["part", "seed", "night"])
        print("\nbias against what proves true of the same days")
        print(frame.groupby(["world", "way"], sort=False).mean().round(4).to_string())


def show_stock(lines: list[dict]) -> None:
    """Print how often the stock preset alarms."""
    if lines:
        frame = pd.DataFrame(lines)
        frame["any"] = frame["columns"].map(lambda n: None if n is None or n != n else n > 0)
        frame["fails"] = frame["columns"].isna()
        print("\nEvidently's DataDriftPreset, share of windows")
        columns = {"dataset": "mean", "any": "mean", "columns": "mean", "fails": "mean", "seed": "count"}
        print(frame.groupby(["scenario", "night"], sort=False).agg(columns).to_string())


class _Day(DayValues):
    """A day's values that are sifted once: night after night the same trailing days are looked at."""

    @cached_property
    def filled(self):
        return super().filled

    @cached_property
    def null_share(self):
        return super().null_share


@contextmanager
def remembered_days():
    """Read and measure each day's values once; what the check finds is the same."""
    days, shapes, kept = {}, {}, {}

    def numbers_by_day(column, by_day):
        if not pd.api.types.is_float_dtype(column.dtype):
            return columns.numbers_by_day(column, by_day)
        values, found = column.to_numpy(), {}
        for day, rows in by_day.items():
            today = values[rows[0] : rows[-1] + 1]  # rows come in day order
            name = today.tobytes()
            found[day] = days[name] if name in days else days.setdefault(name, _Day(today, 0, ()))
        return found

    def measure_shape(values):
        if id(values) not in shapes:
            shapes[id(values)] = (shape.measure_shape(values), values)
        return shapes[id(values)][0]

    def quantiles(profile, ends):
        name = (id(profile), *ends)
        if name not in kept:
            kept[name] = (quantiles_of(profile, ends), profile)
        return kept[name][0]

    def null_share(profile, day):
        name = (id(profile), day.weekday())
        if name not in kept:
            kept[name] = (usual.null_share(profile, day), profile)
        return kept[name][0]

    quantiles_of = scale._quantiles
    with (
        patch.object(findings, "numbers_by_day", numbers_by_day),
        patch.object(scale, "measure_shape", measure_shape),
        patch.object(scale, "_quantiles", quantiles),
        patch.object(shares, "null_share", null_share),
        patch.object(improvement, "_digest", lambda *_: "not kept"),
    ):
        yield


if __name__ == "__main__":
    path = Path(sys.argv[1])
    if sys.argv[2:3] == ["show"]:
        show(_read(path))
    else:
        first, _, last = (sys.argv[2] if len(sys.argv) > 2 else "20").rpartition("-")
        with remembered_days():
            run(path, range(int(first or 0), int(last)), sys.argv[3:] or ["faults", "nights", "probes", "early", "stock"])
