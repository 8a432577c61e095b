"""Charts of a night's page: how far features have moved, how a metric went night by night, what is answered now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.observation import Severity
from evergreen.reports.plots import BAD, GOOD, INK, MUTED, SERIES, WARN, drawing, to_svg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from markupsafe import Markup
    from numpy.typing import ArrayLike

    from evergreen.observation import Finding

_TONES = {Severity.CRITICAL: BAD, Severity.WARNING: WARN, Severity.OK: GOOD, Severity.UNKNOWN: MUTED}
_MOST_BARS = 30
_SMALLEST_SHOWN = 0.1
_BINS = 25


@dataclass(frozen=True)
class MetricNight:
    """One metric as one night measured it."""

    as_of: datetime
    value: float | None
    lower: float | None
    upper: float | None
    limit: float | None
    severity: Severity


def effect_chart(findings: Sequence[Finding]) -> Markup | None:
    """Draw each effect as a multiple of its limit, the largest on top, in colour where it is no chance.

    None where nothing was measured.

    Args:
        findings: Of the check of drift, with `value` and `limit`.
    """
    measured = [(f.value / f.limit, f) for f in findings if f.value is not None and f.limit]
    if not measured:
        return None
    largest = sorted(measured, key=lambda each: -each[0])[:_MOST_BARS]
    names = _names([finding for _, finding in largest])
    sizes = [size for size, _ in largest]
    with drawing(width=9.4, height=0.9 + 0.22 * len(largest)) as (figure, axes):
        tones = [MUTED if finding.severity is Severity.OK else _TONES[finding.severity] for _, finding in largest]
        axes.barh(range(len(largest)), [max(size, _SMALLEST_SHOWN) for size in sizes], color=tones, height=0.62)
        axes.set_xscale("log")
        axes.set_xlim(left=_SMALLEST_SHOWN, right=max(2.0, sizes[0] * 1.2))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.axvline(1.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(largest)), names)
        axes.set_ylim(len(largest) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("effect, in multiples of the smallest that matters")
        return to_svg(figure, label=f"drift effects of {', '.join(names)}")


def _names(findings: Sequence[Finding]) -> list[str]:
    """Name what each finding is about; where two checks look at something of one name, each with its check."""
    often = Counter(finding.subject for finding in findings)
    return [f.subject if often[f.subject] == 1 else f"{f.subject}, {f.check.replace('_', ' ')}" for f in findings]


def metric_chart(title: str, nights: Sequence[MetricNight]) -> Markup | None:
    """Draw a metric night by night with its bounds and its limit; None with fewer than two measured nights.

    Args:
        title: Name of the metric.
        nights: In any order; nights without a value leave a gap.
    """
    ordered = sorted(nights, key=lambda night: night.as_of)
    values = [_number(night.value) for night in ordered]
    if sum(np.isfinite(values)) < 2:
        return None
    places = list(range(len(ordered)))
    lower = [_number(night.lower, value) for night, value in zip(ordered, values, strict=True)]
    upper = [_number(night.upper, value) for night, value in zip(ordered, values, strict=True)]
    with drawing(width=9.4, height=2.7) as (figure, axes):
        axes.fill_between(places, lower, upper, color=SERIES[0], alpha=0.18, linewidth=0)
        axes.plot(places, values, color=SERIES[0], label=title)
        colours = [_TONES[night.severity] for night in ordered]
        axes.scatter(places, values, color=colours, s=16, zorder=3)
        limits = [_number(night.limit) for night in ordered]
        if np.isfinite(limits).any():
            axes.plot(places, limits, color=BAD, linewidth=1, linestyle=(0, (4, 3)), label="limit")
        step = max(len(ordered) // 8, 1)
        axes.set_xticks(places[::step], [f"{night.as_of:%-d %b}" for night in ordered[::step]])
        axes.set_ylabel(title)
        axes.legend(loc="best", fontsize=8)
        return to_svg(figure, label=f"{title} over {len(ordered)} nights")


def probability_chart(now: ArrayLike, reference_values: ArrayLike, reference_counts: ArrayLike) -> Markup | None:
    """Draw how often each probability is said now and was said of the reference; None where a side has none.

    Args:
        now: Probabilities of the window, shape (n_rows,).
        reference_values: Values of the reference's profile, shape (n_values,).
        reference_counts: How often each came, shape (n_values,).
    """
    current = np.asarray(now, dtype=np.float64)
    current = current[np.isfinite(current)]
    weights = np.asarray(reference_counts, dtype=np.float64)
    if not len(current) or weights.sum() == 0:
        return None
    values = np.asarray(reference_values, dtype=np.float64)
    top = max(float(current.max()), float(values.max()), 1e-6)
    edges = np.linspace(0.0, top, _BINS + 1)
    with drawing(width=9.4, height=2.7) as (figure, axes):
        for name, colour, data, weight in (
            ("the release's reference", SERIES[2], values, weights / weights.sum()),
            ("now", SERIES[0], current, np.full(len(current), 1 / len(current))),
        ):
            shares, _ = np.histogram(data, bins=edges, weights=weight)
            axes.stairs(shares, edges, color=colour, label=name, linewidth=1.6)
        axes.set_xlabel("probability said")
        axes.set_ylabel("share of rows")
        axes.legend(loc="best", fontsize=8)
        return to_svg(figure, label="probabilities now and in the reference")


def _number(value: float | None, otherwise: float = float("nan")) -> float:
    return otherwise if value is None else value
