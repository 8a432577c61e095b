"""Limits that no gain makes up for: the baseline, guard metrics, the serving budget, agreement of the two engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.measurement import METRICS, Ruling, RulingKind
from evergreen.stages.gate.wording import owner, write_change, write_number

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate, Guard
    from evergreen.measurement import Measurement


def judge_baseline(measurement: Measurement, rules: Gate) -> list[Ruling]:
    """Rule that the challenger is better than the baseline; without a champion the gain itself says so, beyond doubt.

    Beside a champion the estimate decides. The choice is then between the two of them: to ask for certainty against a third
    model as well would keep a champion that has fallen below that very baseline.
    """
    if measurement.reference == "baseline":
        return []
    title = METRICS[rules.primary.metric].title
    least = write_number(rules.primary.minimum_effect)
    comparison = measurement.statistics.comparison("baseline", rules.primary.metric)
    improvement = None if comparison is None else comparison.improvement
    change = write_change(improvement)
    theirs = f"the baseline's {write_number(comparison.reference if comparison else None)}"
    return [
        _limit(
            name=f"{title} against the baseline",
            found=None if improvement is None else change,
            allowed=f"better by at least {least}",
            holds=None if improvement is None else improvement >= rules.primary.minimum_effect,
            good=f"Against {theirs} it is {change}, at least {least} was asked for.",
            bad=f"It does not beat the baseline, as every model must: {change} against {theirs}, at least {least} is asked.",
        )
    ]


def judge_guards(measurement: Measurement, rules: Gate) -> list[Ruling]:
    """Rule on every guard metric: its absolute limit, and its worsening against a champion."""
    rulings = []
    for guard in rules.guards:
        if guard.limit is not None:
            rulings.append(_absolute(measurement, guard, guard.limit))
        if guard.max_worsening is not None and measurement.reference == "champion":
            rulings.append(_worsening(measurement, guard, guard.max_worsening))
    return rulings


def judge_budget(measurement: Measurement, rules: Gate) -> list[Ruling]:
    """Rule on what serving costs; times are the best of several rounds, so that a busy machine breaks no budget."""
    serving, budget = measurement.serving, rules.budget
    p99, batch, size = (None,) * 3
    if serving is not None:
        p99, batch, size = serving.single_row_p99_ms, serving.batch_1000_rows_ms, serving.model_mb
    return [
        _cost("single row, 99th percentile", p99, budget.single_row_p99_ms, "ms"),
        _cost("batch of 1000 rows", batch, budget.batch_1000_rows_ms, "ms"),
        _cost("model size", size, budget.model_mb, "MB"),
    ]


def judge_parity(measurement: Measurement, rules: Gate) -> list[Ruling]:
    """Rule that ONNX Runtime, which serves, scores as XGBoost, which was trained."""
    found, rows = measurement.parity.max_difference, measurement.parity.rows
    if not rows:
        found = None
    value, most = "unknown" if found is None else f"{found:.2g}", f"{rules.max_onnx_difference:g}"
    return [
        _limit(
            name="agreement of the engines",
            found=None if found is None else f"{value} over {rows:,} rows",
            allowed=f"at most {most}",
            holds=None if found is None else found <= rules.max_onnx_difference,
            good=f"Both engines score every row alike: the largest difference is {value} in log-odds.",
            bad=f"The two engines differ by up to {value} in log-odds where at most {most} is allowed.",
        )
    ]


def _absolute(measurement: Measurement, guard: Guard, limit: float) -> Ruling:
    traits = METRICS[guard.metric]
    found = measurement.statistics.metrics.get("challenger", {}).get(guard.metric)
    word = "at least" if traits.higher_is_better else "at most"
    holds = None if found is None else found >= limit if traits.higher_is_better else found <= limit
    return _limit(
        name=f"{traits.title}, limit",
        found=None if found is None else write_number(found),
        allowed=f"{word} {write_number(limit)}",
        holds=holds,
        good=f"Its {traits.title} is {write_number(found)}, {word} {write_number(limit)} was asked for.",
        bad=f"Its {traits.title} is {write_number(found)} where {word} {write_number(limit)} is asked for.",
    )


def _worsening(measurement: Measurement, guard: Guard, most: float) -> Ruling:
    title = METRICS[guard.metric].title
    comparison = measurement.statistics.comparison(measurement.reference, guard.metric)
    improvement = None if comparison is None else comparison.improvement
    change = write_change(improvement)
    ours = write_number(comparison.challenger if comparison else None)
    theirs = write_number(comparison.reference if comparison else None)
    values = f"Its {title} is {ours} against {owner(measurement.reference)} {theirs}: {change}"
    return _limit(
        name=f"{title} against the {measurement.reference}",
        found=None if improvement is None else change,
        allowed=f"worse by at most {write_number(most)}",
        # A hair of tolerance: a loss of just what is allowed is not broken by the last bit of a subtraction.
        holds=None if improvement is None else -improvement <= most + 1e-12,
        good=f"{values}, worse by {write_number(most)} was allowed.",
        bad=f"{values}, at most {write_number(most)} is allowed.",
    )


def _cost(name: str, found: float | None, most: float, unit: str) -> Ruling:
    value = "unknown" if found is None else f"{found:.3g} {unit}"
    return _limit(
        name=name,
        found=None if found is None else value,
        allowed=f"at most {most:g} {unit}",
        holds=None if found is None else found <= most,
        good=f"Serving budget, {name}: {value} of {most:g} {unit}.",
        bad=f"It is over the serving budget, {name}: {value} where at most {most:g} {unit} is allowed.",
    )


def _limit(*, name: str, found: str | None, allowed: str, holds: bool | None, good: str, bad: str) -> Ruling:
    unknown = f"It could not be measured whether this limit holds: {name}, {allowed}."
    reason = unknown if holds is None else good if holds else bad
    return Ruling(kind=RulingKind.LIMIT, name=name, found=found or "not measured", allowed=allowed, holds=holds, reason=reason)
