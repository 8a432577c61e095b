"""Every number that follows from the answers alone."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from evergreen.measurement import METRICS, Comparison, SliceComparison, Statistics, direction, finite
from evergreen.statistics.clusters import remembered
from evergreen.statistics.measures import measure, measure_by_cluster
from evergreen.statistics.paired_cluster_bootstrap import Interval, chance_of_no_loss, paired_cluster_bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.gate import MetricName
    from evergreen.measurement import Role, Terms
    from evergreen.stages.evaluate.answers import Answers
    from evergreen.statistics.clusters import ClusterStatistic
    from evergreen.statistics.rows import Floats, Integers

MOST_SLICE_VALUES = 100
"""Values of one slice column that are compared, the largest ones; a column of keys is not a slice."""


def measure_statistics(answers: Answers, terms: Terms, thresholds: Mapping[Role, float]) -> Statistics:
    """Measure every model, and the challenger against each other one.

    Args:
        answers: What each model answered to each row.
        terms: What to measure by.
        thresholds: Probability from which each model says yes.
    """
    labels, others = answers.labels, [role for role in answers.roles if role != "challenger"]
    slices, unshown = _slices(answers, terms, thresholds)
    return Statistics(
        rows=len(labels),
        positives=int(labels.sum()),
        days=len(answers.days),
        first_day=answers.days[0] if answers.days else None,
        last_day=answers.days[-1] if answers.days else None,
        metrics={role: _metrics(answers, role, terms, thresholds) for role in answers.roles},
        comparisons=_comparisons(answers, others, terms, thresholds),
        slices=slices,
        unshown_slices=unshown,
    )


def model_to_beat(answers: Answers) -> Role:
    """Return the champion's role, or the baseline's while there is no champion."""
    return "champion" if "champion" in answers.roles else "baseline"


def _metrics(answers: Answers, role: Role, terms: Terms, thresholds: Mapping[Role, float]) -> dict[MetricName, float | None]:
    ask = partial(measure, labels=answers.labels, probabilities=answers.probabilities(role))
    return {metric: finite(ask(metric, threshold=thresholds[role], costs=terms.costs)) for metric in METRICS}


def _comparisons(
    answers: Answers, others: Sequence[Role], terms: Terms, thresholds: Mapping[Role, float]
) -> tuple[Comparison, ...]:
    comparisons = []
    for metric in METRICS:
        prepared: dict[Role, ClusterStatistic] = {}
        if len(answers.labels):
            for role in answers.roles:
                rows = (answers.labels, answers.probabilities(role), answers.day_numbers)
                asked = measure_by_cluster(metric, *rows, threshold=thresholds[role], costs=terms.costs)
                prepared[role] = remembered(asked)
        for role in others:
            pair = (prepared["challenger"], prepared[role]) if prepared else None
            fields, _ = _compare(pair, metric, role, len(answers.days), terms)
            comparisons.append(Comparison.model_validate(fields))
    return tuple(comparisons)


def _compare(
    pair: tuple[ClusterStatistic, ClusterStatistic] | None, metric: MetricName, against: Role, n_days: int, terms: Terms
) -> tuple[dict[str, object], Interval]:
    """Return the fields of a `Comparison` and the interval behind them."""
    unknown = math.nan
    ours = theirs = unknown
    interval = Interval(unknown, unknown, unknown, unknown)
    if pair is not None:
        challenger, reference = pair
        once, sign = np.ones((1, n_days)), direction(metric)
        ours, theirs = float(challenger(once)[0]), float(reference(once)[0])

        def improvement(counts: Floats) -> Floats:
            return sign * (challenger(counts) - reference(counts))

        interval = paired_cluster_bootstrap(
            improvement, n_days, confidence=terms.confidence, resamples=terms.resamples, seed=terms.seed
        )
    fields: dict[str, object] = {
        "against": against,
        "metric": metric,
        "challenger": finite(ours),
        "reference": finite(theirs),
        "improvement": finite(interval.estimate),
        "lower": finite(interval.lower),
        "upper": finite(interval.upper),
        "standard_error": finite(interval.standard_error),
    }
    return fields, interval


def _slices(
    answers: Answers, terms: Terms, thresholds: Mapping[Role, float]
) -> tuple[tuple[SliceComparison, ...], dict[str, int]]:
    comparisons, unshown = [], {}
    for column in terms.slices:
        values = np.array(answers.slice_values(column), dtype=object)
        counted = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
        unshown[column] = max(0, len(counted) - MOST_SLICE_VALUES)
        for value, _ in counted[:MOST_SLICE_VALUES]:
            rows = np.flatnonzero(values == value)
            comparisons.append(_slice(answers, column, value, rows, terms, thresholds))
    return tuple(comparisons), unshown


def _slice(
    answers: Answers, column: str, value: str, rows: Integers, terms: Terms, thresholds: Mapping[Role, float]
) -> SliceComparison:
    labels, against = answers.labels[rows], model_to_beat(answers)
    days, day_numbers = np.unique(answers.day_numbers[rows], return_inverse=True)

    def prepare(role: Role) -> ClusterStatistic:
        chances = answers.probabilities(role)[rows]
        statistic = measure_by_cluster(
            terms.metric, labels, chances, day_numbers, threshold=thresholds[role], costs=terms.costs
        )
        return remembered(statistic)

    fields, interval = _compare((prepare("challenger"), prepare(against)), terms.metric, against, len(days), terms)
    fields |= {"by": column, "value": value, "rows": len(rows), "positives": int(labels.sum()), "days": len(days)}
    fields["chance_of_no_loss"] = finite(chance_of_no_loss(interval, len(days)))
    return SliceComparison.model_validate(fields)
