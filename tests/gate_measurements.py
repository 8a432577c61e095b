"""Measurements by hand, for tests of both sides of every threshold."""

from __future__ import annotations

from datetime import date

from evergreen.definitions.gate import Budget, Gate, Guard, Primary, Slice
from evergreen.measurement import (
    METRICS,
    Comparison,
    Figures,
    Measurement,
    Parity,
    Serving,
    SliceComparison,
    Statistics,
    direction,
)
from gate_simulation import judged_model, terms

RULES = Gate(
    min_rows=1000,
    min_days=10,
    min_positives=50,
    primary=Primary(metric="roc_auc", minimum_effect=0.002, confidence=0.95),
    guards=(
        Guard(metric="roc_auc", limit=0.6),
        Guard(metric="log_loss", max_worsening=0.01),
        Guard(metric="calibration_error", limit=0.1),
    ),
    slices=(Slice(by="origin", min_rows=500, max_drop=0.02),),
    budget=Budget(single_row_p99_ms=20, batch_1000_rows_ms=500, model_mb=50),
    max_onnx_difference=1e-5,
)
GOOD = {
    "roc_auc": (0.742, 0.706, 0.60),
    "average_precision": (0.45, 0.41, 0.25),
    "log_loss": (0.46, 0.465, 0.54),
    "brier_score": (0.150, 0.152, 0.18),
    "calibration_error": (0.02, 0.02, 0.03),
    "cost_per_row": (0.47, 0.49, 0.65),
}


def comparison(metric, against, challenger, reference, *, lower=None, upper=None):
    """A comparison whose bounds are 0.012 away unless said otherwise."""
    improvement = direction(metric) * (challenger - reference)
    return Comparison(
        against=against,
        metric=metric,
        challenger=challenger,
        reference=reference,
        improvement=improvement,
        lower=improvement - 0.012 if lower is None else lower,
        upper=improvement + 0.012 if upper is None else upper,
        standard_error=0.007,
    )


def slice_of(value, *, rows=5000, positives=1000, drop=-0.01, chance=0.9, by="origin", against="champion", **changes):
    """A slice that lost `drop` (negative: gained)."""
    fields = {
        "against": against,
        "metric": "roc_auc",
        "challenger": 0.7 - drop,
        "reference": 0.7,
        "improvement": -drop,
        "lower": -drop - 0.02,
        "upper": -drop + 0.02,
        "standard_error": 0.01,
        "by": by,
        "value": value,
        "rows": rows,
        "positives": positives,
        "days": 21,
        "chance_of_no_loss": chance,
    }
    return SliceComparison(**(fields | changes))


def measurement(*, champion=True, primary=None, metrics=None, statistics=None, slices=None, **changes):
    """A measurement of which every rule of RULES holds, with changes.

    Args:
        champion: Whether there is one.
        primary: The comparison of the primary metric with the model to beat.
        metrics: Other values of metrics: name to (challenger, champion, baseline).
        statistics: Other fields of its statistics.
        slices: Its slices.
        **changes: Other fields of the measurement.
    """
    roles = ("challenger", "champion", "baseline") if champion else ("challenger", "baseline")
    against = "champion" if champion else "baseline"
    values = GOOD | (metrics or {})
    column = {"challenger": 0, "champion": 1, "baseline": 2}
    comparisons = [
        comparison(metric, role, values[metric][0], values[metric][column[role]])
        for metric in METRICS
        for role in roles[1:]
        if values[metric][0] is not None and values[metric][column[role]] is not None
    ]
    if primary is not None:
        comparisons = [c for c in comparisons if (c.metric, c.against) != (primary.metric, primary.against)] + [primary]
    fields = {
        "rows": 17203,
        "positives": 4000,
        "days": 21,
        "first_day": date(2013, 3, 11),
        "last_day": date(2013, 3, 31),
        "metrics": {role: {metric: values[metric][column[role]] for metric in METRICS} for role in roles},
        "comparisons": tuple(comparisons),
        "slices": tuple(slices if slices is not None else [slice_of(o, against=against) for o in ("EWR", "JFK", "LGA")]),
        "unshown_slices": {"origin": 0},
    }
    whole = {
        "model": "flight_delays",
        "as_of": "2013-04-01T07:00:00Z",
        "terms": terms(RULES),
        "holdout_from": "2013-03-11T04:00:00Z",
        "judged_after": "2013-03-11T02:59:00Z",
        "unjudged_rows": 0,
        "overlapping_rows": 0,
        "models": tuple(judged_model(role) for role in roles),
        "features_digest": "f" * 32,
        "snapshot_digest": "d" * 32,
        "holdout_digest": "0" * 32,
        "predictions_uri": "unused",
        "predictions_digest": "1" * 32,
        "statistics": Statistics(**(fields | (statistics or {}))),
        "serving": Serving(
            single_row_p50_ms=0.4, single_row_p99_ms=0.9, batch_1000_rows_ms=6.1, model_mb=0.8, rounds=5, calls=200
        ),
        "parity": Parity(max_difference=1e-7, rows=17203),
        "figures": Figures(models={}, days=()),
    }
    return Measurement(**(whole | changes))
