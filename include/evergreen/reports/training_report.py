"""A training as pictures and a page: what MLflow shows beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, TypeAlias

from evergreen.reports.page import render_page
from evergreen.reports.plots import bar_chart, line_chart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    Curve: TypeAlias = tuple[Sequence[float], Sequence[float]]

_MOST_BARS = 20


@dataclass(frozen=True)
class TrainingPictures:
    """Charts of one training, by file name without its ending; what a candidate does not have is absent."""

    charts: Mapping[str, Markup]

    def as_files(self) -> dict[str, bytes]:
        """Return each chart as an SVG file that stands alone."""
        return {f"plots/{name}.svg": _stand_alone(chart) for name, chart in self.charts.items()}


def draw_training(
    *,
    calibration: Curve,
    importance: Mapping[str, float],
    learning: Mapping[str, Curve],
    roc: Curve | None = None,
    precision_recall: Curve | None = None,
) -> TrainingPictures:
    """Draw the charts of one training.

    Args:
        calibration: Mean probability and observed share, by bin.
        importance: Share by feature, largest first; empty for a model without features.
        learning: Per series rounds and log loss; empty for models that do not learn in rounds.
        roc: False-positive and true-positive shares; none where only one answer was seen.
        precision_recall: Recall and precision; likewise.
    """
    charts: dict[str, Markup] = {}
    if roc:
        charts["roc"] = line_chart(
            {"validation": roc}, x_label="false positive share", y_label="true positive share", diagonal=True
        )
    if precision_recall:
        charts["precision_recall"] = line_chart({"validation": precision_recall}, x_label="recall", y_label="precision")
    charts["calibration"] = line_chart(
        {"validation": calibration}, x_label="probability said", y_label="share that came true", diagonal=True, markers=True
    )
    if importance:
        charts["importance"] = bar_chart(dict(list(importance.items())[:_MOST_BARS]), x_label="share of importance")
    if learning:
        charts["learning_curve"] = line_chart(learning, x_label="boosting rounds", y_label="log loss")
    return TrainingPictures(charts)


def render_training_page(pictures: TrainingPictures, *, title: str, **context: object) -> str:
    """Render a training's page; the context is what `training.html` shows."""
    return render_page("training.html", title=title, charts=dict(pictures.charts), **context)


def _stand_alone(chart: Markup) -> bytes:
    """Give a chart the page's colours, a paper to stand on and a font."""
    style = f"<style>{_colours()} svg {{ background: var(--paper); font-family: sans-serif; }}</style>"
    head, _, rest = str(chart).partition(">")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}>{style}{rest}\n'.encode()


@cache
def _colours() -> str:
    """Return the page's colour variables, light and dark."""
    text = resources.files("evergreen.reports").joinpath("templates", "base.css").read_text(encoding="utf-8")
    return text[: text.index("*, *::before")]
