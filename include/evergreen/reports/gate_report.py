"""The gate page: the verdict in a sentence, and everything a doubtful reader asks next.

It is a pure function of a measurement, the definition and the decision, so that a page can be made again years later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.measurement import METRICS
from evergreen.reports.gate_charts import (
    ROLES,
    ForestRow,
    calibration_chart,
    class_chart,
    cost_chart,
    day_chart,
    forest_chart,
    precision_recall_chart,
    roc_chart,
    score_chart,
)
from evergreen.reports.page import render_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from evergreen.definitions import ModelDefinition
    from evergreen.measurement import Comparison, Decision, Measurement, Role, SliceComparison

_WORDS = {"promote": ("good", "✓", "Promote"), "keep": ("bad", "✕", "Keep"), "inconclusive": ("warn", "?", "Inconclusive")}
_UNDECIDED = ("plain", "…", "Measured, not decided")
_MOST_FOREST_ROWS = 30


@dataclass(frozen=True)
class MetricLine:
    """One metric of all models."""

    title: str
    better: str
    values: tuple[float | None, ...]
    comparison: Comparison | None


@dataclass(frozen=True)
class SliceLine:
    """One value of a slice column."""

    piece: SliceComparison
    judged: bool
    chance: float | None
    """Chance that nothing was lost, corrected for the number of judged slices."""
    tone: str


def render_gate_page(
    measurement: Measurement,
    definition: ModelDefinition,
    *,
    decision: Decision | None,
    decision_id: str = "",
    started_because: str = "",
) -> str:
    """Render one evaluation, with its verdict once there is one.

    Args:
        measurement: What was measured.
        definition: The model; its `gate` section holds the thresholds.
        decision: What was decided; None before the gate has looked.
        decision_id: Id of the decision record.
        started_because: Why this training was started, where somebody or a night of monitoring asked for it.
    """
    roles = [role for role in ROLES if measurement.judged(role)]
    metric = measurement.terms.metric
    slices = _slice_lines(measurement, definition, decision)
    zone = definition.schedule.zone
    return render_page(
        "gate.html",
        title=f"Gate of {measurement.model}, {measurement.as_of.astimezone(zone):%Y-%m-%d}",
        measurement=measurement,
        statistics=measurement.statistics,
        as_of=measurement.as_of.astimezone(zone),
        zone=zone,
        decision=decision,
        decision_id=decision_id,
        started_because=started_because,
        verdict=_WORDS[decision.outcome] if decision else _UNDECIDED,
        roles=roles,
        reference=measurement.reference,
        primary=measurement.statistics.comparison(measurement.reference, metric),
        primary_title=METRICS[metric].title,
        metrics=_metric_lines(measurement, roles),
        slices=slices,
        charts=_charts(measurement, definition, slices),
        gate=definition.gate,
        signed=_signed,
    )


def _metric_lines(measurement: Measurement, roles: Sequence[Role]) -> list[MetricLine]:
    statistics = measurement.statistics
    return [
        MetricLine(
            title=traits.title,
            better="higher is better" if traits.higher_is_better else "lower is better",
            values=tuple(statistics.metrics[role][name] for role in roles),
            comparison=statistics.comparison(measurement.reference, name),
        )
        for name, traits in METRICS.items()
    ]


def _slice_lines(measurement: Measurement, definition: ModelDefinition, decision: Decision | None) -> list[SliceLine]:
    rules = {rule.by: rule for rule in definition.gate.slices}
    chances = decision.slice_chances if decision else {}
    lines = []
    for piece in measurement.statistics.slices:
        rule, chance = rules.get(piece.by), chances.get(f"{piece.by}={piece.value}")
        judged = chance is not None
        lost = rule is not None and piece.improvement is not None and -piece.improvement > rule.max_drop
        sure = chance is not None and chance <= 1 - measurement.terms.confidence
        lines.append(SliceLine(piece, judged, chance, "bad" if lost and sure else "warn" if lost and judged else ""))
    return lines


def _charts(measurement: Measurement, definition: ModelDefinition, slices: list[SliceLine]) -> dict[str, Markup]:
    """Draw what can be drawn; with one answer alone, or no rows, there is nothing."""
    figures, metric = measurement.figures, measurement.terms.metric
    if not figures.models:
        return {}
    thresholds = {model.role: model.threshold for model in measurement.models}
    overall = measurement.statistics.comparison(measurement.reference, metric)
    charts = {
        "roc": roc_chart(figures),
        "precision_recall": precision_recall_chart(figures),
        "calibration": calibration_chart(figures),
        "cost": cost_chart(figures, thresholds),
        "scores": score_chart(figures),
        "classes": class_chart(figures.models["challenger"], thresholds["challenger"]),
        "days": day_chart(figures.days, metric=metric, overall=overall.improvement if overall else None),
    }
    rows = _forest_rows(measurement, overall, slices)
    if rows:
        charts["forest"] = forest_chart(rows, metric=metric, minimum_effect=definition.gate.primary.minimum_effect)
    return charts


def _forest_rows(measurement: Measurement, overall: Comparison | None, slices: list[SliceLine]) -> list[ForestRow]:
    rows = []
    if overall is not None:
        rows.append(_forest_row(overall, "all rows", measurement.statistics.rows, judged=True, whole=True))
    decided = any(line.judged for line in slices)
    for line in slices:
        label = f"{line.piece.by} {line.piece.value}"
        rows.append(_forest_row(line.piece, label, line.piece.rows, judged=line.judged or not decided))
    return [row for row in rows if row is not None][:_MOST_FOREST_ROWS]


def _forest_row(comparison: Comparison, label: str, n_rows: int, *, judged: bool, whole: bool = False) -> ForestRow | None:
    lower, improvement, upper = comparison.lower, comparison.improvement, comparison.upper
    if lower is None or improvement is None or upper is None:
        return None
    return ForestRow(label, lower, improvement, upper, n_rows, judged, whole)


def _signed(value: float | None) -> str:
    """Write a difference with its sign."""
    if value is None:
        return "\u2013"
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    return f"{sign}{abs(value):.4f}"
