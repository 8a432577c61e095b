"""The charts of the gate page: differences with their bounds, and curves of the models over the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.measurement import METRICS
from evergreen.reports.page import format_count
from evergreen.reports.plots import BAD, GOOD, INK, MUTED, SERIES, WARN, drawing, to_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from evergreen.definitions.gate import MetricName
    from evergreen.measurement import Curve, DayFigures, Figures, ModelFigures, Role

ROLES: tuple[Role, ...] = ("challenger", "champion", "baseline")
_COLOURS = dict(zip(ROLES, SERIES, strict=False))
_LEVELS = {"challenger": 4.0, "champion": 3.5, "baseline": 3.0}
"""What is drawn over what."""
_DASHED = (0, (3, 3))


@dataclass(frozen=True)
class ForestRow:
    """One difference with its bounds; positive is better for the challenger."""

    label: str
    lower: float
    improvement: float
    upper: float
    rows: int
    judged: bool = True
    """False for what is shown and not judged."""
    whole: bool = False
    """True for all rows together."""


def forest_chart(rows: Sequence[ForestRow], *, metric: MetricName, minimum_effect: float) -> Markup:
    """Draw differences with their bounds, one below the other, the whole first.

    Args:
        rows: What to draw, from top to bottom.
        metric: What the differences are in.
        minimum_effect: Smallest gain worth a release, drawn as a line.
    """
    with drawing(width=9.2, height=0.95 + 0.25 * len(rows)) as (figure, axes):
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.axvline(minimum_effect, color=GOOD, linewidth=0.9, linestyle=_DASHED)
        for position, row in enumerate(rows):
            tone = GOOD if row.lower > 0 else BAD if row.upper < 0 else _COLOURS["champion"]
            tone = tone if row.judged else MUTED
            line, marker = (3.4, 8.0) if row.whole else (1.9, 4.5)
            axes.plot([row.lower, row.upper], [position, position], color=tone, linewidth=line, alpha=1 if row.judged else 0.55)
            axes.plot([row.improvement], [position], color=tone, marker="D" if row.whole else "o", markersize=marker)
        judged = [row for row in rows if row.judged] or rows
        low, high = min(0.0, *(row.lower for row in judged)), max(minimum_effect, *(row.upper for row in judged))
        margin = 0.25 * (high - low) or 0.001
        axes.set_xlim(low - margin, high + margin)  # what is not judged must not set the scale
        axes.set_yticks(range(len(rows)), [f"{row.label}  ({format_count(row.rows)})" for row in rows])
        for label, row in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_color(INK if row.judged else MUTED)
            label.set_fontweight("bold" if row.whole else "normal")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"worse  ←  difference in {METRICS[metric].title}  →  better")
        return to_svg(figure, label=f"Differences in {METRICS[metric].title}: {', '.join(row.label for row in rows)}")


def day_chart(days: Sequence[DayFigures], *, metric: MetricName, overall: float | None) -> Markup:
    """Draw the difference within each day, and the one over all days as a line."""
    with drawing(width=9.2, height=2.5) as (figure, axes):
        known = [(number, day.improvement) for number, day in enumerate(days) if day.improvement is not None]
        for number, improvement in known:
            axes.bar([number], [improvement], color=GOOD if improvement > 0 else BAD, width=0.72)
        axes.axhline(0, color=INK, linewidth=0.9)
        if overall is not None:
            axes.axhline(overall, color=MUTED, linewidth=0.9, linestyle=_DASHED)
        every = -(-len(days) // 12)
        shown = range(0, len(days), every)
        axes.set_xticks(list(shown), [f"{days[number].day:%a}\n{days[number].day:%d %b}" for number in shown], fontsize=8)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(f"difference in {METRICS[metric].title}")
        return to_svg(figure, label=f"Difference in {METRICS[metric].title} by day")


def roc_chart(figures: Figures) -> Markup:
    """Draw the ROC curves."""
    return _curves(figures, lambda model: model.roc, "share of no rows alarmed", "share of yes rows found", diagonal=True)


def precision_recall_chart(figures: Figures) -> Markup:
    """Draw the precision-recall curves."""
    return _curves(figures, lambda model: model.precision_recall, "share of yes rows found (recall)", "precision")


def calibration_chart(figures: Figures) -> Markup:
    """Draw what came true against what was said; on the diagonal probabilities mean what they say."""
    return _curves(
        figures, lambda model: model.calibration, "probability said", "share that came true", diagonal=True, marker="o"
    )


def cost_chart(figures: Figures, thresholds: Mapping[Role, float]) -> Markup:
    """Draw the cost per row over the threshold, and each model's own threshold."""
    with drawing() as (figure, axes):
        for role, model in _present(figures):
            axes.plot(model.cost.x, model.cost.y, color=_COLOURS[role], label=role, zorder=_LEVELS[role])
            own = thresholds[role]
            nearest = min(range(len(model.cost.x)), key=lambda point: abs(model.cost.x[point] - own))
            axes.plot([own], [model.cost.y[nearest]], color=_COLOURS[role], marker="o", markersize=5, linestyle="none")
        own = thresholds["challenger"]
        axes.axvline(own, color=MUTED, linewidth=0.8, linestyle=_DASHED)
        axes.annotate(
            f"threshold {own:.2f}", (own, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
            textcoords="offset points", color=MUTED, fontsize=8, va="top",
        )  # fmt: skip
        _finish(axes, "threshold", "cost per row")
        return to_svg(figure, label="Cost per row by threshold")


def score_chart(figures: Figures) -> Markup:
    """Draw how often each model says each probability."""
    with drawing() as (figure, axes):
        for role, model in _present(figures):
            counts = [yes + no for yes, no in zip(model.histogram_yes, model.histogram_no, strict=True)]
            _steps(axes, counts, color=_COLOURS[role], label=role)
        _finish(axes, "probability said", "share of rows")
        return to_svg(figure, label="Distribution of the probabilities said")


def class_chart(model: ModelFigures, threshold: float) -> Markup:
    """Draw how the challenger's probabilities part yes from no."""
    with drawing() as (figure, axes):
        _steps(axes, model.histogram_no, color=MUTED, label="answer was no", fill=True)
        _steps(axes, model.histogram_yes, color=WARN, label="answer was yes", fill=True)
        axes.axvline(threshold, color=INK, linewidth=0.9, linestyle=_DASHED, label=f"threshold {threshold:.2f}")
        _finish(axes, "probability said by the challenger", "share of rows with that answer")
        return to_svg(figure, label="Probabilities of the challenger by what the answer was")


def _steps(axes: Axes, counts: Sequence[int], *, color: str, label: str, fill: bool = False) -> None:
    total = max(1, sum(counts))
    shares = [count / total for count in counts]
    edges = [number / len(counts) for number in range(len(counts) + 1)]
    axes.stairs(shares, edges, color=color, label=label, linewidth=1.6)
    if fill:
        axes.stairs(shares, edges, color=color, fill=True, alpha=0.16)


def _curves(
    figures: Figures, pick: Callable[[ModelFigures], Curve], x: str, y: str, *, diagonal: bool = False, marker: str = ""
) -> Markup:
    with drawing() as (figure, axes):
        reach = 1.0
        if marker:  # few points: show the part where they are
            reach = min(1.0, 1.08 * max(max(_values(pick(model))) for _, model in _present(figures)))
            axes.set(xlim=(0, reach), ylim=(0, reach))
        if diagonal:
            axes.plot([0, reach], [0, reach], color=MUTED, linewidth=0.8, linestyle=_DASHED)
        for role, model in _present(figures):
            curve = pick(model)
            axes.plot(
                curve.x, curve.y, color=_COLOURS[role], label=role, marker=marker or None, markersize=3.5, zorder=_LEVELS[role]
            )
        _finish(axes, x, y)
        return to_svg(figure, label=f"{y} by {x}")


def _finish(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(loc="best", fontsize=8)


def _values(curve: Curve) -> list[float]:
    return [*curve.x, *curve.y]


def _present(figures: Figures) -> list[tuple[Role, ModelFigures]]:
    """Return the judged models in the order of their names; the challenger is drawn on top by its level."""
    return [(role, figures.models[role]) for role in ROLES if role in figures.models]
