"""The nights of a story in one table: how good the answers were, what a refit would have been worth, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.files import Files
    from evergreen.observation import Finding


WIDTH = 104
"""Columns the table needs."""


@dataclass(frozen=True)
class NightOfStory:
    """One watched night, as the table shows it."""

    night: date
    scored_days: int
    """Since the night before; what was measured are other days, those whose labels have matured."""
    metric: Finding | None
    """The first watched metric; None while it cannot be measured."""
    improvement: float | None
    lower: float | None
    """Of the refit over the champion; None where nobody asked."""
    action: str
    cause: str

    @classmethod
    def of(cls, night: date, scored: Mapping[str, Any], watched: Mapping[str, Any], files: Files) -> NightOfStory:
        """Read a night from what its tasks returned.

        Args:
            night: The night.
            scored: What the tasks of the scoring run returned, by task id.
            watched: What the tasks of the monitoring run returned, by task id.
            files: Where its observations are.
        """
        probed = watched.get("probe") or {}
        newest = scored.get("score") or {}
        return cls(
            night=night,
            scored_days=len(newest.get("caught_up", ())) + bool(newest),
            metric=_first_metric(watched.get("check_performance"), files),
            improvement=probed.get("improvement"),
            lower=probed.get("lower"),
            action=watched["decide"]["action"],
            cause=watched["decide"]["cause"].replace("_", " "),
        )


def show_story(console: Console, nights: list[NightOfStory]) -> None:
    """Print a table of the nights, narrow enough for a terminal of 100 columns; bounds stand in brackets."""
    measured = next((night.metric.subject for night in nights if night.metric), "metric")
    table = Table(box=None, pad_edge=False)
    for column in ("night", "days scored", measured, "limit", "a refit would gain", "decided", "cause"):
        table.add_column(column, no_wrap=True)
    for night in nights:
        table.add_row(
            f"{night.night}",
            f"{night.scored_days}",
            _with_bounds(night.metric),
            "" if night.metric is None or night.metric.limit is None else f"{night.metric.limit:.3f}",
            "not asked" if night.improvement is None else f"{night.improvement:+.3f} (≥ {night.lower:+.3f})",
            night.action,
            night.cause,
        )
    # Where nobody sits before a terminal, rich takes 80 columns for granted and cuts the table.
    Console(file=console.file, width=max(console.width, WIDTH)).print(table)


def _first_metric(checked: Mapping[str, Any] | None, files: Files) -> Finding | None:
    if not checked:
        return None
    from evergreen.results import CheckedNight
    from evergreen.tables.observations import read_observation

    seen = read_observation(CheckedNight.from_xcom(checked), files)
    metrics = (finding for finding in seen.findings if finding.check == "metric")
    found = next(metrics, None)
    return found if found and found.value is not None else None


def _with_bounds(metric: Finding | None) -> str:
    if metric is None or metric.value is None:
        return "too few labels"
    if metric.lower is None or metric.upper is None:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} ({metric.lower:.2f}-{metric.upper:.2f})"
