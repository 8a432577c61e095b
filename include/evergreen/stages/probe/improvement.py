"""The comparison, on plain frames: a refit against what the champion said, on the same rows, resampled by day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from evergreen.digests import digest_json, digest_table
from evergreen.measurement import finite
from evergreen.predictors.threshold import decision_threshold
from evergreen.stages.probe.refit import refit_probabilities
from evergreen.statistics.paired_cluster_bootstrap import Interval
from evergreen.statistics.paired_measures import Answered, PairedMeasures, paired_measures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from evergreen.definitions.gate import Gate
    from evergreen.definitions.retraining import Probe
    from evergreen.definitions.training import Training
    from evergreen.stages.probe.refit import Recipe


class Improvement(NamedTuple):
    """The fields of a `ProbeMeasurement` that follow from the rows; None for what could not be measured."""

    champion: float | None
    refit: float | None
    improvement: float | None
    lower: float | None
    upper: float | None
    training_rows: int
    probe_rows: int
    probe_days: int
    probe_positives: int
    probe_first_day: date | None
    probe_last_day: date | None
    rows_digest: str


def probe_improvement(
    train: pd.DataFrame,
    judged: pd.DataFrame,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    recipe: Recipe,
    training: Training,
    gate: Gate,
    rules: Probe,
    confidence: float,
    champion_threshold: float,
    threads: int = 1,
) -> Improvement:
    """Measure by how much a refit would have beaten the champion.

    Args:
        train: Rows to learn from, all of days before the judged ones, in the order of their event times: the features, `_key`,
            `_day` and `_label` (0 or 1).
        judged: Rows to judge on, none of which the champion has learned from: the same columns, and `probability`, which is
            what the champion said.
        numeric: Numeric features.
        categorical: Categorical features.
        recipe: What to fit.
        training: Section `training`.
        gate: Section `gate`: the metric, resamples and seed.
        rules: Section `retraining.probe`: most rows.
        confidence: One-sided, of the bounds.
        champion_threshold: Probability from which the champion says yes; only the cost per row asks.
        threads: Threads XGBoost may use; the result does not depend on it.
    """
    train = train.iloc[-rules.max_rows :]
    answers = None
    if len(judged):
        answers = refit_probabilities(
            train, judged, numeric=numeric, categorical=categorical, recipe=recipe, training=training, threads=threads
        )
    found = _UNKNOWN
    if answers is not None:
        found = paired_measures(
            judged["_label"].to_numpy(dtype=np.float64),
            judged["_day"].to_list(),
            Answered(judged["probability"].to_numpy(dtype=np.float64), champion_threshold),
            Answered(answers, decision_threshold(training.costs)),
            gate=gate,
            costs=training.costs,
            confidence=confidence,
        )
    return Improvement(
        champion=finite(found.first),
        refit=finite(found.second),
        improvement=finite(found.improvement.estimate),
        lower=finite(found.improvement.lower),
        upper=finite(found.improvement.upper),
        training_rows=len(train),
        probe_rows=len(judged),
        probe_days=judged["_day"].nunique(),
        probe_positives=int(judged["_label"].sum()),
        probe_first_day=min(judged["_day"], default=None),
        probe_last_day=max(judged["_day"], default=None),
        rows_digest=_digest(train, judged, [*numeric, *categorical]),
    )


_UNKNOWN = PairedMeasures(math.nan, math.nan, Interval(math.nan, math.nan, math.nan, math.nan))


def _digest(train: pd.DataFrame, judged: pd.DataFrame, features: Sequence[str]) -> str:
    columns = ["_key", "_day", "_label", *features]
    parts = (train[columns], judged[[*columns, "probability"]])
    return digest_json([digest_table(pa.Table.from_pandas(part, preserve_index=False)) for part in parts])
