"""The simulated streams hold what they promise, and a few nights of them end as they should."""

from dataclasses import replace

import numpy as np
import pytest

from evergreen.observation import Action, Cause
from monitoring_measurements import FIRST_NIGHT, Watch, first_champion, true_auc
from monitoring_simulation import FEATURES, NUMBERS, Drift, World, day_of, shift_by_seed, simulate

ONSET = FIRST_NIGHT + 16
WORLD = World(days=ONSET + 12, rows_per_day=200)


@pytest.fixture(scope="module")
def plain():
    return simulate(3, WORLD)


@pytest.fixture(scope="module")
def champion(plain):
    return first_champion(plain)


def _before(stream):
    return (stream.rows["_number"] < ONSET).to_numpy()


def test_labels_come_true_as_often_as_the_truth_says(plain):
    truth = plain.rows["_truth"].to_numpy()
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        part = (truth >= low) & (truth < high)
        error = np.sqrt((truth[part] * (1 - truth[part])).sum()) / part.sum()
        assert abs(plain.label[part].mean() - truth[part].mean()) < 4 * error


def test_concept_drift_changes_no_feature_and_no_label_before_its_day(plain):
    drifted = simulate(3, WORLD, Drift(ONSET, concept=True))
    assert drifted.rows[list(FEATURES)].equals(plain.rows[list(FEATURES)])
    before = _before(plain)
    assert (drifted.label[before] == plain.label[before]).all()
    after = drifted.rows["_truth"].to_numpy()[~before]
    old_concept = plain.rows["_truth"].to_numpy()[~before]
    assert true_auc(after, old_concept) < true_auc(after, after) - 0.08


def test_a_shift_moves_the_named_features_and_not_what_they_mean(plain):
    shift = shift_by_seed(3)
    shifted = simulate(3, WORLD, Drift(ONSET, shift=shift))
    before = _before(plain)
    for name in NUMBERS:
        moved = shifted.rows[name].to_numpy()[~before] - plain.rows[name].to_numpy()[~before]
        assert (np.nanmax(np.abs(moved)) > 0) == (name in shift)
    truth = shifted.rows["_truth"].to_numpy()[~before]
    assert abs(shifted.label[~before].mean() - truth.mean()) < 4 * np.sqrt((truth * (1 - truth)).mean() / len(truth))


def test_gradual_drift_grows_by_the_day():
    drift = Drift(onset=10, over_days=4)
    assert drift.weight(np.arange(8, 16)).tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_positives_may_arrive_ten_times_sooner(plain):
    early = simulate(3, replace(WORLD, positives_sooner=10))
    waited = [stream.arrival - stream.rows["_number"].to_numpy() - 1 for stream in (plain, early)]
    yes = plain.label > 0
    assert (early.label == plain.label).all()
    assert np.allclose(waited[1][yes] * 10, waited[0][yes])
    assert np.allclose(waited[1][~yes], waited[0][~yes])


def test_rows_of_a_day_resemble_each_other_only_where_days_have_weather(plain):
    def between_days(stream):
        means = stream.rows.groupby("_number")["pressure"].mean()
        return means.var() / (stream.rows["pressure"].var() / WORLD.rows_per_day)

    assert between_days(plain) > 20
    assert between_days(simulate(3, replace(WORLD, day_effects=False))) < 2


def test_quiet_nights_are_logged_and_a_changed_unit_is_set_aside(plain, champion):
    def to_minutes(rows):
        return rows.assign(duration=rows["duration"] * 60)

    memory = {}
    quiet = Watch(plain, champion, memory=memory, features_from=10**6, labels_from=10**6)
    faulty = simulate(3, WORLD, fault=(ONSET, to_minutes))
    watch = Watch(faulty, champion.answering(faulty), memory=memory, features_from=ONSET, labels_from=10**6, branch="unit")
    for number in range(ONSET - 2, ONSET):
        assert quiet.night(number).decision.action is Action.LOG
        assert watch.night(number).decision.action is Action.LOG
    assert quiet.night(ONSET).decision.action is Action.LOG
    found = watch.night(ONSET).decision
    assert found.action is Action.QUARANTINE
    assert found.faulty_days == (day_of(ONSET),)
    assert "scale:duration" in found.alarms


def test_concept_drift_is_seen_once_its_days_have_matured(champion):
    onset = FIRST_NIGHT + 2
    stream = simulate(3, WORLD, Drift(onset, concept=True))
    watch = Watch(stream, champion.answering(stream), branch="drift")
    nights = [watch.night(number).decision for number in range(onset + 18, onset + 20)]
    assert {night.cause for night in nights} == {Cause.CONCEPT_DRIFT}
    assert "metric:roc_auc" in nights[-1].alarms
    assert watch.true_auc(onset + 19) < champion.expected["roc_auc"] - 0.05


def test_a_day_without_rows_has_no_positions():
    stream = simulate(3, WORLD, fault=(ONSET, lambda rows: rows[rows["_number"] != ONSET]))
    assert len(stream.span(ONSET, ONSET)) == 0
    assert len(stream.label) == len(stream.arrival) == len(stream.rows)
