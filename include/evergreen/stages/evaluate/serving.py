"""What it costs to ask a model: time and size."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from evergreen.measurement import Parity, Serving, finite
from evergreen.predictors.predictor import onnx_parity

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from evergreen.predictors.predictor import Predictor

ROUNDS = 5
CALLS = 200
BATCH_ROWS = 1000


def measure_serving(predictor: Predictor, rows: pd.DataFrame) -> Serving | None:
    """Time single rows and a batch after a warm-up; None without rows to ask with.

    What is timed is processor time, which on an idle core is the time one waits, and each figure is the best of five rounds.
    A busy neighbour can only make a round slower, while a slow model is slow in every round; so a verdict does not turn on what
    else the machine was doing. (By the wall clock, on two cores shared by ten busy processes, the 99th percentile of a model
    that answers in half a millisecond was 33 ms, even in the best round.)

    Args:
        predictor: The model.
        rows: Rows with its features.
    """
    if rows.empty:
        return None
    frame = rows[[*predictor.numeric, *predictor.categorical]]
    singles = [frame.iloc[[number % len(frame)]] for number in range(CALLS)]
    batch = frame.iloc[np.arange(BATCH_ROWS) % len(frame)]
    predictor.probability(singles[0])
    predictor.probability(batch)
    rounds = [[_milliseconds(predictor.probability, single) for single in singles] for _ in range(ROUNDS)]
    return Serving(
        single_row_p50_ms=min(float(np.percentile(times, 50)) for times in rounds),
        single_row_p99_ms=min(float(np.percentile(times, 99)) for times in rounds),
        batch_1000_rows_ms=min(_milliseconds(predictor.probability, batch) for _ in range(ROUNDS)),
        model_mb=predictor.manifest.model_bytes / 1e6,
        rounds=ROUNDS,
        calls=CALLS,
    )


def measure_parity(predictor: Predictor, rows: pd.DataFrame) -> Parity:
    """Compare the two engines of a model over all judged rows."""
    if rows.empty:
        return Parity(max_difference=None, rows=0)
    return Parity(max_difference=finite(onnx_parity(predictor, rows)), rows=len(rows))


def _milliseconds(ask: Callable[[pd.DataFrame], object], frame: pd.DataFrame) -> float:
    started = time.process_time()
    ask(frame)
    return (time.process_time() - started) * 1000
