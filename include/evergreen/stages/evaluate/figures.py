"""Curves for the page, thinned to what an eye can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.measurement import Curve, DayFigures, Figures, ModelFigures, direction, finite
from evergreen.stages.evaluate.statistics import model_to_beat
from evergreen.statistics.calibration_error import calibration_bins
from evergreen.statistics.measures import measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from evergreen.measurement import Role, Terms
    from evergreen.stages.evaluate.answers import Answers
    from evergreen.statistics.rows import Floats

POINTS = 101
HISTOGRAM_BINS = 40
DIGITS = 6


def draw_figures(answers: Answers, terms: Terms, thresholds: Mapping[Role, float]) -> Figures:
    """Compute what the page draws; nothing is decided on it.

    Args:
        answers: What each model answered to each row.
        terms: What to measure by.
        thresholds: Probability from which each model says yes.
    """
    if not 0 < answers.labels.sum() < len(answers.labels):
        return Figures(models={}, days=())
    models = {role: _model(answers.labels, answers.probabilities(role), terms) for role in answers.roles}
    days = tuple(_day(answers, number, terms, thresholds) for number in range(len(answers.days)))
    return Figures(models=models, days=days)


def _model(labels: Floats, chances: Floats, terms: Terms) -> ModelFigures:
    falling = np.sort(np.unique(chances))[::-1]
    yes, no = np.sort(chances[labels == 1]), np.sort(chances[labels == 0])
    found, false = len(yes) - np.searchsorted(yes, falling), len(no) - np.searchsorted(no, falling)
    recall, alarms, precision = found / len(yes), false / len(no), found / (found + false)
    thresholds = np.linspace(0, 1, POINTS)
    missed, needless = np.searchsorted(yes, thresholds), len(no) - np.searchsorted(no, thresholds)
    costs = terms.costs
    total = missed * costs.false_negative + (len(yes) - missed) * costs.true_positive
    total = total + needless * costs.false_positive + (len(no) - needless) * costs.true_negative
    bins = calibration_bins(labels, chances)
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return ModelFigures(
        roc=_thin(np.r_[0.0, alarms], np.r_[0.0, recall]),
        precision_recall=_thin(recall, precision),
        calibration=_curve(bins.said, bins.came_true),
        cost=_curve(thresholds, total / len(labels)),
        histogram_yes=tuple(int(rows) for rows in np.histogram(yes, edges)[0]),
        histogram_no=tuple(int(rows) for rows in np.histogram(no, edges)[0]),
    )


def _day(answers: Answers, number: int, terms: Terms, thresholds: Mapping[Role, float]) -> DayFigures:
    rows = answers.day_numbers == number
    labels = answers.labels[rows]

    def ask(role: Role) -> float:
        return measure(terms.metric, labels, answers.probabilities(role)[rows], threshold=thresholds[role], costs=terms.costs)

    improvement = direction(terms.metric) * (ask("challenger") - ask(model_to_beat(answers)))
    return DayFigures(day=answers.days[number], rows=len(labels), positives=int(labels.sum()), improvement=finite(improvement))


def _thin(x: Floats, y: Floats) -> Curve:
    """Keep the points nearest to even steps of x, and both ends."""
    wanted = np.searchsorted(x, np.linspace(x[0], x[-1], POINTS))
    kept = np.unique(np.r_[0, np.minimum(wanted, len(x) - 1), len(x) - 1])
    return _curve(x[kept], y[kept])


def _curve(x: ArrayLike, y: ArrayLike) -> Curve:
    rounded = (tuple(float(value) for value in np.round(np.asarray(values), DIGITS)) for values in (x, y))
    return Curve(x=next(rounded), y=next(rounded))
