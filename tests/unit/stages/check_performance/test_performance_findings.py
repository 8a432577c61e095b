"""The pure judgement, on streams of which the truth is known and on what cannot be judged."""

from datetime import timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evergreen.observation import Severity
from simulated_outcomes import TONIGHT, a_stream, as_seen, find, only

ONE = timedelta(days=1)


def auc(frame):
    known = frame[frame["label"].notna()]
    return roc_auc_score(known["label"], known["probability"])


@pytest.fixture(scope="module")
def stream():
    return as_seen(a_stream())


def test_the_newest_mature_days_are_judged_and_no_others(stream):
    found = only(find(stream), "metric")
    last = TONIGHT - 8 * ONE
    window = stream[(stream["_day"] <= last) & (stream["_day"] > last - 14 * ONE)]
    assert found.value == pytest.approx(auc(window), abs=1e-12)
    assert found.rows == window["label"].notna().sum()
    younger = stream["_day"] > last
    other = stream.assign(label=stream["label"].where(~younger, 1 - stream["label"]))
    assert only(find(other), "metric") == found


def test_a_good_release_is_fine(stream):
    found = only(find(stream, expected={"roc_auc": 0.74}), "metric")
    assert found.severity is Severity.OK
    assert found.limit == pytest.approx(0.69)
    assert "14 days to 2013-05-24 (" in found.reason
    assert "100 % of labels in), expected 0.740" in found.reason


def test_a_sure_loss_is_critical_and_says_so():
    found = only(find(as_seen(a_stream(strength=0.3)), expected={"roc_auc": 0.74}), "metric")
    assert found.severity is Severity.CRITICAL
    assert found.upper < found.limit
    assert "worse, beyond doubt (limit 0.05)" in found.reason


@pytest.mark.parametrize(
    ("above_limit", "severity"), [(0.021, Severity.OK), (0.019, Severity.WARNING), (-0.001, Severity.WARNING)]
)
def test_a_warning_comes_before_the_limit(stream, above_limit, severity):
    value = only(find(stream), "metric").value  # warn_at 0.6: from 0.6 * 0.05 below what is expected, 0.02 above the limit
    found = only(find(stream, expected={"roc_auc": value + 0.05 - above_limit}), "metric")
    assert found.severity is severity


def test_past_the_limit_without_being_sure_is_a_warning(stream):
    first = only(find(stream), "metric")
    halfway = (first.upper + first.value) / 2
    found = only(find(stream, expected={"roc_auc": halfway + 0.05}), "metric")
    assert found.severity is Severity.WARNING
    assert "past the limit but within chance" in found.reason
    surely = only(find(stream, expected={"roc_auc": first.upper + 0.0501}), "metric")
    assert surely.severity is Severity.CRITICAL


def test_the_tighter_of_two_thresholds_counts(stream):
    both = [{"metric": "roc_auc", "max_worsening": 0.05, "limit": 0.72}]
    assert only(find(stream, expected={"roc_auc": 0.74}, metrics=both), "metric").limit == 0.72
    lax = [{"metric": "roc_auc", "max_worsening": 0.05, "limit": 0.5}]
    assert only(find(stream, expected={"roc_auc": 0.74}, metrics=lax), "metric").limit == pytest.approx(0.69)


def test_a_ceiling_is_one_from_below(stream):
    metrics = [{"metric": "brier_score", "limit": 0.05}]
    found = only(find(stream, expected={}, metrics=metrics), "metric")
    assert (found.severity, found.limit) == (Severity.CRITICAL, 0.05)
    high = [{"metric": "brier_score", "limit": 0.9}]
    assert only(find(stream, expected={}, metrics=high), "metric").severity is Severity.OK


def test_without_what_the_gate_measured_nothing_is_fine(stream):
    assert only(find(stream, expected={}), "metric").severity is Severity.UNKNOWN
    assert only(find(stream, expected={"roc_auc": float("nan")}), "metric").severity is Severity.UNKNOWN
    with_floor = [{"metric": "roc_auc", "max_worsening": 0.05, "limit": 0.6}]
    assert only(find(stream, expected={}, metrics=with_floor), "metric").severity is Severity.UNKNOWN
    high_floor = [{"metric": "roc_auc", "max_worsening": 0.05, "limit": 0.9}]
    assert only(find(stream, expected={}, metrics=high_floor), "metric").severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows.assign(label=np.nan), "no mature day has labels"),
        (lambda rows: rows.assign(label=rows["label"] * 0), "0 outcomes that came true, at least 30 needed"),
        (lambda rows: rows.assign(label=rows["label"] * 0 + 1), "0 outcomes that did not, at least 30 needed"),
        (lambda rows: rows[rows["_day"] > TONIGHT - 12 * ONE], "4 days, at least 5 needed"),
        (lambda rows: rows.groupby("_day").head(20), "280 outcomes, at least 500 needed"),
        (lambda rows: rows.iloc[:0], "no mature day has labels"),
        (lambda rows: rows[rows["_day"] > TONIGHT - 5 * ONE], "no mature day has labels"),
        (lambda rows: rows.assign(probability=np.nan), "no mature day has labels"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_too_little_is_unknown_and_never_fine(stream, spoil, words):
    found = only(find(spoil(stream), expected={"roc_auc": 0.2}), "metric")  # anything that was measured would be fine
    assert found.severity is Severity.UNKNOWN
    assert words in found.reason


def test_answers_that_are_no_number_are_never_fine(stream):
    some = stream.copy()
    some.loc[some.index % 50 == 0, "probability"] = np.nan
    found = only(find(some, expected={"roc_auc": 0.2}), "metric")
    assert found.severity is Severity.UNKNOWN
    assert "answers are no probability" in found.reason


def test_days_without_their_labels_are_left_out_and_told(stream):
    last = TONIGHT - 8 * ONE
    lost = stream["_day"].isin([last, last - 3 * ONE])
    gaps = stream.assign(label=stream["label"].where(~lost | (stream.index % 3 == 0)))
    findings = find(gaps)
    told = only(findings, "maturity", "labelled_share")
    assert told.severity is Severity.WARNING
    assert told.days == (last - 3 * ONE, last)
    assert told.value == pytest.approx(1 / 3, abs=0.02)
    metric = only(findings, "metric")
    window = stream[(stream["_day"] <= last) & (stream["_day"] > last - 14 * ONE) & ~lost]
    assert metric.value == pytest.approx(auc(window), abs=1e-12)
    assert "12 days to 2013-05-23" in metric.reason


def test_rows_that_never_get_a_label_are_no_fault(stream):
    sparse = stream.assign(label=stream["label"].where(stream.index % 5 < 2))  # 40 % of rows ever get one
    findings = find(sparse)
    assert [finding for finding in findings if finding.subject == "labelled_share"] == []
    assert "(1,6" in only(findings, "metric").reason
    assert "40 % of labels in" in only(findings, "metric").reason


def test_labels_that_come_later_than_they_are_waited_for_are_noticed():
    findings = find(as_seen(a_stream(delay_yes=6, delay_no=6)))
    told = only(findings, "maturity", "mature_after")
    assert told.severity is Severity.WARNING
    assert told.value == pytest.approx(np.exp(-7 / 6), abs=0.03)
    assert "raise monitoring.performance.mature_after" in told.reason
    assert only(find(as_seen(a_stream(delay_yes=1, delay_no=1))), "maturity", "mature_after").severity is Severity.OK


def test_slices_are_judged_with_their_number_in_mind():
    bad = as_seen(a_stream(rows=900, strength=0.0, seed=4))
    good = as_seen(a_stream(rows=900, seed=4))
    is_bad = good["_slice_carrier"] == "UA"
    mixed = good.assign(label=bad["label"].where(is_bad, good["label"]))
    watched = [{"by": "carrier", "min_rows": 300, "max_worsening": 0.1}]
    findings = find(mixed, expected={"roc_auc": 0.73}, slices=watched)
    found = {finding.subject: finding for finding in findings if finding.check == "slice"}
    assert set(found) == {"carrier=AA", "carrier=DL", "carrier=UA"}
    assert found["carrier=UA"].severity is Severity.CRITICAL
    assert found["carrier=UA"].p_value < 0.05
    assert {found["carrier=AA"].severity, found["carrier=DL"].severity} == {Severity.OK}


def test_small_slices_are_shown_and_not_judged(stream):
    rare = stream.assign(_slice_carrier=np.where(stream.index % 100 == 0, "OO", "UA"))
    findings = find(rare, slices=[{"by": "carrier", "min_rows": 300, "max_worsening": 0.1}])
    assert only(findings, "slice").subject == "carrier=UA"
    assert "OO 42" in only(findings, "small_slices").reason


def test_chance_alone_seldom_alarms():
    # the true area is just at the limit: a whole bound past it should come in at most 5 % of cases
    truth = np.mean([auc(as_seen(a_stream(seed=seed))) for seed in range(500, 520)])
    alarms = [
        only(find(as_seen(a_stream(seed=seed, days=25)), expected={"roc_auc": truth + 0.05}), "metric").severity
        for seed in range(60)
    ]
    assert alarms.count(Severity.CRITICAL) <= 7  # more than 7 of 60 at 5 % has a chance of 1 %


def test_the_estimate_is_near_the_truth_while_the_probabilities_hold():
    findings = find(as_seen(a_stream(rows=900, day_effect=0.0)))
    matured = only(findings, "estimate", "roc_auc:matured")
    truth = only(findings, "metric")
    assert matured.severity is Severity.OK
    assert matured.value == pytest.approx(truth.value, abs=0.02)
    assert "was estimated at" in matured.reason
    young = only(findings, "estimate", "roc_auc")
    assert young.severity is Severity.OK
    assert "2013-05-25 to 2013-05-31" in young.reason


def test_an_estimate_that_did_not_stand_the_test_is_told():
    findings = find(as_seen(a_stream(rows=900, strength=0.3)))
    matured = only(findings, "estimate", "roc_auc:matured")
    assert matured.severity is Severity.WARNING
    assert "not to be relied on" in matured.reason


def test_the_same_outcomes_give_the_same_findings(stream):
    assert find(stream) == find(stream.sample(frac=1.0, random_state=3).sort_values("_day", kind="stable"))
