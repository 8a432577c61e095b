"""The charts of a trial's page: answers beside the champion's, evidence against each limit, requests over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evergreen.reports.plots import BAD, GOOD, INK, MUTED, SERIES, drawing, to_svg
from evergreen.trial_evidence import BINS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from evergreen.trial_evidence import Compared, Course, TrialRule

_DASHED = (0, (3, 3))
_DIFFERENCE_BARS = 60


def score_map(compared: Compared) -> Markup:
    """Draw which probabilities came together: a square's area is its share of the rows; on the diagonal both say the same."""
    counts = np.asarray(compared.scores, dtype=np.float64)
    steps = len(counts)
    champion, challenger = np.nonzero(counts)
    shares = counts[champion, challenger] / max(counts.max(), 1.0)
    with drawing(width=4.6, height=4.3) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=_DASHED)
        places = ((champion + 0.5) / steps, (challenger + 0.5) / steps)
        axes.scatter(*places, s=4 + 110 * shares, marker="s", color=SERIES[0], alpha=0.75, linewidths=0)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="champion says", ylabel="challenger says")
        return to_svg(figure, label="Probabilities of the challenger by those of the champion")


def difference_chart(compared: Compared, *, max_mean_shift: float) -> Markup:
    """Draw how far the challenger's probability lies from the champion's, with the mean and its limits."""
    places = np.array([(place + 0.5) / BINS_PER_UNIT for place, _ in compared.differences])
    rows = np.array([rows for _, rows in compared.differences], dtype=np.float64)
    reach = max(max_mean_shift * 1.3, float(np.abs(places).max(initial=0.0)))
    shares, edges = np.histogram(places, bins=_DIFFERENCE_BARS, range=(-reach, reach), weights=rows / max(rows.sum(), 1.0))
    mean = (compared.challenger_mean or 0.0) - (compared.champion_mean or 0.0)
    with drawing(width=4.6, height=4.3) as (figure, axes):
        axes.stairs(shares, edges, color=SERIES[0], fill=True, alpha=0.3)
        axes.stairs(shares, edges, color=SERIES[0])
        for limit in (-max_mean_shift, max_mean_shift):
            axes.axvline(limit, color=BAD, linewidth=0.9, linestyle=_DASHED)
        axes.axvline(mean, color=INK, linewidth=1.2)
        axes.set(xlabel="challenger's probability less the champion's", ylabel="share of rows")
        return to_svg(figure, label="Differences of the challenger's probabilities from the champion's")


def evidence_chart(rules: Sequence[TrialRule]) -> Markup:
    """Draw the odds against each limit that chance can break, and where they are beyond doubt."""
    known = [rule for rule in rules if rule.log_evidence is not None and rule.log_needed is not None]
    needed = max((rule.log_needed or 0.0) / math.log(10) for rule in known)
    with drawing(width=9.2, height=0.95 + 0.32 * len(known)) as (figure, axes):
        for position, rule in enumerate(known):
            odds = (rule.log_evidence or 0.0) / math.log(10)
            shown = min(max(odds, -needed), 2.2 * needed)
            axes.barh([position], [shown], color=GOOD if rule.holds else BAD, height=0.55)
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.axvline(needed, color=BAD, linewidth=0.9, linestyle=_DASHED)
        axes.set_yticks(range(len(known)), [rule.name for rule in known])
        ticks = [tick for tick in range(-math.floor(needed), math.floor(2.2 * needed) + 1) if tick % 2 == 0]
        axes.set_xticks(ticks, [f"{10**tick:,} to 1" if tick >= 0 else f"1 to {10**-tick:,}" for tick in ticks])
        axes.set(xlim=(-needed * 1.05, 2.3 * needed), ylim=(len(known) - 0.5, -0.5))
        axes.grid(visible=False, axis="y")
        return to_svg(figure, label=f"Odds against each limit: {', '.join(rule.name for rule in known)}")


def course_chart(course: Course) -> Markup:
    """Draw how many requests came over time, and how many of them the challenger did not answer."""
    unit, name = (60.0, "minutes") if course.step_seconds * len(course.requests) >= 300 else (1.0, "seconds")
    width = course.step_seconds / unit
    with drawing(width=9.2, height=2.3) as (figure, axes):
        starts = [number * width for number in range(len(course.requests))]
        axes.bar(starts, course.requests, width=width * 0.85, align="edge", color=SERIES[0], label="asked")
        axes.bar(starts, course.failures, width=width * 0.85, align="edge", color=BAD, label="failed")
        axes.set(xlim=(0, width * len(starts)), xlabel=f"{name} since the trial began", ylabel="requests")
        axes.grid(visible=False, axis="x")
        axes.legend(loc="best", fontsize=8)
        return to_svg(figure, label="Requests over time, asked and failed")
