"""Labels of which the positive ones arrive ten times sooner: what judging whatever is there would say, and what we say.

A yes arrives after one day in the mean, a no after ten. Over 20 streams; the naive way takes every label that is there.
"""

from datetime import timedelta

import numpy as np
import pytest

from evergreen.definitions.training import Costs
from evergreen.observation import Severity
from evergreen.stages.check_performance.cohort import mature_cohort
from evergreen.statistics.measures import measure
from simulated_outcomes import TONIGHT, a_stream, as_seen, find, only, rules

SEEDS = range(20)
METRICS = ("roc_auc", "brier_score", "calibration_error")
WAIT = timedelta(days=60)
THRESHOLD = 0.3


def figures(rows, label):
    truth, said = rows[label].to_numpy(float), rows["probability"].to_numpy()
    yes = said >= THRESHOLD
    asked = {metric: measure(metric, truth, said, threshold=THRESHOLD, costs=Costs()) for metric in METRICS}
    return asked | {"positive share": truth.mean(), "recall": yes[truth == 1].mean(), "precision": truth[yes].mean()}


def streams(seed, *, sooner_if_sure):
    stream = a_stream(days=100, rows=200, seed=seed, delay_yes=1, delay_no=10)
    if sooner_if_sure:  # the clear cases are found out first: ten times as soon as the unlikely ones
        factor = np.where(stream["probability"] >= THRESHOLD, 0.3, 3.0)
        stream["_label_days"] *= np.where(stream["truth"] == 1, factor, 1.0)
    return stream, as_seen(stream).assign(truth=stream["truth"])


def biases(*, sooner_if_sure=False):
    """Return per figure the mean error and its standard error, of the naive way and of ours."""
    errors = {"naive": [], "ours": []}
    for seed in SEEDS:
        _, seen = streams(seed, sooner_if_sure=sooner_if_sure)
        window = seen[seen["_day"] > TONIGHT - timedelta(days=15)]
        naive = window[window["label"].notna()]
        watched = rules(mature_after="60d")
        ours = mature_cohort(seen, watched, TONIGHT - WAIT - timedelta(days=1)).rows
        days = seen[seen["_day"].isin(set(ours["_day"]))]
        for name, rows, everybody in (("naive", naive, window), ("ours", ours, days)):
            found, truth = figures(rows, "label"), figures(everybody, "truth")
            errors[name].append({figure: found[figure] - truth[figure] for figure in found})
    return {
        name: {
            figure: (float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))
            for figure in found[0]
            for values in [[one[figure] for one in found]]
        }
        for name, found in errors.items()
    }


@pytest.fixture(scope="module", params=[False, True], ids=["sooner", "sooner still if sure"])
def bias(request):
    found = biases(sooner_if_sure=request.param)
    for name, figures_of in found.items():
        print(name, {figure: f"{mean:+.4f} (se {error:.4f})" for figure, (mean, error) in figures_of.items()})
    return found, request.param


def test_whatever_is_there_is_wrong(bias):
    found, sooner_if_sure = bias
    assert found["naive"]["positive share"][0] > 0.1
    assert found["naive"]["precision"][0] > 0.1
    assert found["naive"]["calibration_error"][0] > 0.05
    if sooner_if_sure:
        assert found["naive"]["recall"][0] > 0.02


def test_what_has_matured_is_right(bias):
    found, _ = bias
    for figure, (mean, error) in found["ours"].items():
        assert abs(mean) < max(3 * error, 0.001), figure


def test_waiting_too_short_is_told_and_not_judged_silently():
    seen = as_seen(a_stream(days=100, rows=200, delay_yes=1, delay_no=10))
    findings = find(seen, mature_after="7d")
    assert only(findings, "maturity", "mature_after").severity is Severity.WARNING
    left_out = only(findings, "maturity", "labelled_share")
    assert left_out.severity is Severity.WARNING
    assert only(findings, "metric").rows < 14 * 200 * 0.9
