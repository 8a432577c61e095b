"""Answers of which the truth is known, with labels that come when we say."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from evergreen.definitions.monitoring import Performance
from evergreen.definitions.training import Costs
from evergreen.stages.check_performance import performance_findings

TONIGHT = date(2013, 6, 1)
"""The first day that is not over; the night looks at days before it."""


def a_stream(*, days=60, rows=300, seed=1, strength=1.0, rate=0.2, day_effect=0.3, delay_yes=0.5, delay_no=0.5):
    """Rows whose `truth` follows `probability` where `strength` is 1, and less where it is less.

    Labels come after an exponential time with mean `delay_yes` or `delay_no`, in days.
    """
    random = np.random.default_rng(seed)
    n = days * rows
    day_numbers = np.repeat(np.arange(days), rows)
    signal = random.normal(0, 1, n) + np.log(rate / (1 - rate))
    weather = random.normal(0, day_effect, days)[day_numbers]
    chance = 1 / (1 + np.exp(-signal))
    true_chance = 1 / (1 + np.exp(-(strength * (signal - signal.mean()) + signal.mean() + weather)))
    truth = (random.random(n) < true_chance).astype(float)
    waited = random.exponential(np.where(truth == 1, delay_yes, delay_no))
    first = TONIGHT - timedelta(days=days)
    return pd.DataFrame(
        {
            "_day": np.array([first + timedelta(days=int(number)) for number in day_numbers], dtype=object),
            "probability": chance,
            "truth": truth,
            "_label_days": waited,
            "_slice_carrier": random.choice(["AA", "UA", "DL"], n),
        }
    )


def as_seen(stream, tonight=TONIGHT):
    """The stream as a night sees it: labels that have not come are unknown."""
    ended = pd.to_datetime(stream["_day"]) + pd.Timedelta(days=1)
    age = (pd.Timestamp(tonight) - ended).dt.days
    has_come = stream["_label_days"] <= age
    return stream.assign(label=stream["truth"].where(has_come), _label_days=stream["_label_days"].where(has_come)).drop(
        columns="truth"
    )[(age >= 0).to_numpy()]


def rules(**changes):
    fields = {
        "window": "14d",
        "mature_after": "7d",
        "metrics": [{"metric": "roc_auc", "max_worsening": 0.05}],
        "resamples": 300,
    }
    return Performance.model_validate(fields | changes)


def find(outcomes, *, expected=None, mature=None, **changes):
    watched = rules(**changes)
    return performance_findings(
        outcomes,
        expected={"roc_auc": 0.75} if expected is None else expected,
        rules=watched,
        threshold=0.4,
        costs=Costs(),
        last_mature_day=TONIGHT - timedelta(days=1) - watched.mature_after if mature is None else mature,
    )


def only(findings, check, subject=None):
    found = [finding for finding in findings if finding.check == check and subject in (None, finding.subject)]
    assert len(found) == 1, found
    return found[0]
