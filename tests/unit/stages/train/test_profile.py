"""The reference that travels with a model, on frames whose distributions are known."""

from collections import Counter
from datetime import date

import numpy as np
import pytest

from evergreen.files import Files
from evergreen.predictors.bundle import read_profile
from evergreen.predictors.encoder import Encoder
from evergreen.settings import Settings
from evergreen.stages.train import train_candidate
from evergreen.stages.train.folds import Fold
from evergreen.stages.train.profile import profile_training
from evergreen.stages.train.rows import TrainingRows
from simulated_flights import CATEGORICAL, NUMERIC, make_definition, make_feature_set, make_frame, select

FRAME = make_frame(days=24)
ENCODER = Encoder.fit(FRAME, NUMERIC, CATEGORICAL)
FOLDS = (Fold(500, 800), Fold(800, 1200))
PROBABILITY = np.linspace(0.1, 0.9, 700)


def a_profile(frame=FRAME, probability=PROBABILITY, threshold=0.5):
    rows = TrainingRows(frame.reset_index(drop=True), NUMERIC, CATEGORICAL, frame["_event_time"].iloc[-1])
    return profile_training(rows, ENCODER, FOLDS, probability, threshold)


def test_every_feature_of_the_model_is_there_with_all_its_rows():
    profile = a_profile()
    assert set(profile.features) == {*NUMERIC, *CATEGORICAL}
    assert (profile.rows, profile.days) == (1200, 24)
    assert {column.rows for column in profile.features.values()} == {1200}
    assert profile.features["wind"].nulls == FRAME["wind"].isna().sum()
    assert profile.features["carrier"].nulls == FRAME["carrier"].isna().sum()
    said = {name: sum(rows) for name, rows in profile.features["carrier"].counts.items()}
    assert said == Counter(FRAME["carrier"].dropna())
    hours = dict(zip(profile.features["hour"].values, np.sum(profile.features["hour"].counts, axis=0), strict=True))
    assert hours == Counter(FRAME["hour"])


def test_weekdays_are_those_of_the_rows_own_days():
    frame = FRAME[FRAME["_day"].isin([date(2013, 1, 7), date(2013, 1, 14), date(2013, 1, 16)])]
    rows = TrainingRows(frame.reset_index(drop=True), NUMERIC, CATEGORICAL, frame["_event_time"].iloc[-1])
    profile = profile_training(rows, ENCODER, (Fold(50, 150),), np.full(100, 0.5), 0.5)
    assert profile.rows_by_weekday == (50.0, 0, 50.0, 0, 0, 0, 0)
    assert np.sum(profile.features["rate"].counts, axis=1).tolist() == [100, 0, 50, 0, 0, 0, 0]


def test_a_local_day_that_is_not_that_of_utc_counts():
    evening = FRAME.assign(_day=[day.fromordinal(day.toordinal() - 1) for day in FRAME["_day"]])
    own, moved = a_profile().features["rate"].counts, a_profile(evening).features["rate"].counts
    assert moved == (*own[1:], own[0])


def test_answers_are_those_of_rows_not_learned_from():
    profile = a_profile()
    assert profile.probability.rows == 700
    assert (profile.probability.minimum, profile.probability.maximum) == (pytest.approx(0.1), pytest.approx(0.9))
    expected = np.bincount([day.weekday() for day in FRAME["_day"][500:1200]], minlength=7)
    assert np.sum(profile.probability.counts, axis=1).tolist() == expected.tolist()


@pytest.mark.parametrize(("threshold", "share"), [(0.1, 1.0), (0.5, 0.5), (0.95, 0.0)])
def test_the_share_of_yes_is_that_at_the_threshold(threshold, share):
    assert a_profile(threshold=threshold).answer_share == pytest.approx(share)


def test_the_order_of_rows_does_not_count():
    backwards = FRAME.iloc[::-1]
    assert a_profile(backwards).features == a_profile().features


@pytest.mark.parametrize("name", ["baseline", "logistic_regression", "xgboost"])
def test_it_travels_in_the_bundle(tmp_path, monkeypatch, name):
    monkeypatch.setattr("evergreen.stages.train.candidate.log_training", lambda *_: "run")
    monkeypatch.setattr(
        "evergreen.stages.train.rows.read_labelled",
        lambda feature_set, files, *, from_time, before_time: select(make_frame(), from_time, before_time),
    )
    candidate = train_candidate(make_definition(), make_feature_set(), Settings(home=tmp_path), name)
    profile = read_profile(Files(), candidate.bundle_uri, candidate.bundle_digest)
    assert set(profile.features) == ({"hour"} if name == "baseline" else {*NUMERIC, *CATEGORICAL})
    assert (profile.rows, profile.days) == (candidate.training_rows, 30)
    assert profile.probability.rows == 2 * 7 * 50
    assert profile.positive_share == pytest.approx(profile.probability.mean, abs=0.05)
