"""The champion's answers with the features they rest on and the labels known by the as-of."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import DigestMismatchError
from evergreen.files import Files, join_uri
from evergreen.registry.nights import NightStore
from evergreen.stages.score import score_day
from evergreen.tables.addresses import predictions_uri
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable
from evergreen.tables.watched_rows import read_outcomes, read_trailing, read_watched
from released_models import MODEL, a_feature_set
from watched_model import WatchedModel
from watched_nights import night_decision

A, B = date(2013, 4, 1), date(2013, 4, 5)
TONIGHT = date(2013, 4, 6)


@pytest.fixture
def model(tmp_path):
    model = WatchedModel(tmp_path, days=40)
    model.say(A, B)
    return model


def test_answers_come_with_the_features_they_rest_on(model):
    rows = read_watched(model.collect(TONIGHT), Files(), A, B)
    frame = model.frame[(model.frame["_day"] >= A) & (model.frame["_day"] <= B)].set_index("_key")
    assert len(rows) == 100
    assert list(rows.columns) == [
        *("_key", "_day", "_event_time", "_prediction_time", "probability", "decision", "release_version"),
        *("distance", "temp", "carrier", "hour", "_slice_carrier"),
    ]
    assert rows["_event_time"].is_monotonic_increasing
    ordered = frame.loc[rows["_key"]]
    assert rows["probability"].tolist() == ordered["_said"].tolist()
    assert rows["distance"].tolist() == ordered["distance"].tolist()
    np.testing.assert_array_equal(rows["temp"], ordered["temp"])
    assert rows["carrier"].dropna().tolist() == ordered["carrier"].dropna().tolist()
    assert rows["_slice_carrier"].equals(rows["carrier"].rename("_slice_carrier"))
    assert rows["distance"].dtype == rows["temp"].dtype == np.float64


def test_each_answer_has_the_features_of_its_own_version(model):
    changed = model.frame.drop(columns="_said").assign(distance=model.frame["distance"] + 10_000)
    model.features = a_feature_set(model.settings, changed)
    model.say(date(2013, 4, 4), date(2013, 4, 4), as_of=model.night(TONIGHT))
    rows = read_watched(model.collect(TONIGHT), Files(), A, B)
    later = rows["_day"] == date(2013, 4, 4)
    assert rows.loc[later, "distance"].min() > 10_000
    assert rows.loc[~later, "distance"].max() < 10_000
    earlier = read_watched(model.collect(date(2013, 4, 5)), Files(), A, B)
    assert earlier["distance"].max() < 10_000


def test_what_is_usual_is_read_from_days_that_nobody_answered_as_well(model):
    first, last = date(2013, 3, 20), date(2013, 3, 31)
    rows = read_trailing(model.collect(TONIGHT), Files(), first, last)
    frame = model.frame[(model.frame["_day"] >= first) & (model.frame["_day"] <= last)]
    assert sorted(rows["_key"]) == sorted(frame["_key"])
    assert sorted(rows["distance"]) == sorted(frame["distance"])
    assert list(rows.columns) == ["_key", "_day", "distance", "temp", "carrier", "hour"]
    collected = model.collect(TONIGHT).model_copy(update={"set_aside": (last,)})
    assert last not in set(read_trailing(collected, Files(), first, last)["_day"])


def test_outcomes_know_the_labels_that_had_come_and_no_others(model):
    tonight = model.collect(TONIGHT)
    rows = read_outcomes(tonight, Files(), A, B)
    assert list(rows.columns) == [
        *("_key", "_day", "_event_time", "probability", "decision", "release_version", "_trained_through"),
        *("label", "label_available_at", "_slice_carrier"),
    ]
    truth = model.labels.set_index("_key").loc[rows["_key"]]
    has_come = (truth["_label_available_at"] <= tonight.as_of).to_numpy()
    assert rows["label"].notna().tolist() == has_come.tolist()
    assert rows.loc[has_come, "label"].tolist() == truth.loc[has_come, "_label"].tolist()
    assert len(rows) == 100
    assert has_come.sum() == 80


def test_another_releases_answers_are_not_the_champions(model):
    second = model.release(2, "baseline", day=date(2013, 4, 6))
    model.say(B, B, champion=second, as_of=model.night(TONIGHT), change=lambda said: 1 - said)
    tonight = model.collect(TONIGHT)
    assert set(read_outcomes(tonight, Files(), A, B)["_day"]) == {B}
    assert set(read_watched(tonight, Files(), A, B)["release_version"]) == {"2"}
    assert tonight.scored_rows == {B: 20}
    yesterday = model.collect(B)
    assert set(read_outcomes(yesterday, Files(), A, B)["release_version"]) == {"1"}


def test_before_anything_was_said_there_are_no_rows(tmp_path):
    model = WatchedModel(tmp_path, days=40)
    for tonight in (model.collect(date(2013, 3, 20)), model.collect(TONIGHT)):
        assert read_watched(tonight, Files(), A, B).empty
        outcomes = read_outcomes(tonight, Files(), A, B)
        assert outcomes.empty
        assert {"label", "probability", "_day"} <= set(outcomes.columns)


def test_answers_that_do_not_say_where_their_features_lie_are_left_out_and_told(model, caplog):
    table = DayTable(predictions_uri(model.settings, MODEL), Files())
    rows = table.read(table.version(), days=[A]).drop_columns([DAY, DIGEST, POSITION, "_features_uri", "_features_version"])
    table.write_days({A: rows})
    tonight = model.collect(TONIGHT)
    assert A not in set(read_watched(tonight, Files(), A, B)["_day"])
    assert "20 answers do not say where their features lie" in caplog.text
    outcomes = read_outcomes(tonight, Files(), A, B)
    assert (outcomes["_day"] == A).sum() == 20  # what came true needs no features
    assert outcomes.loc[outcomes["_day"] == A, "_slice_carrier"].isna().all()


def test_a_manifest_that_was_changed_names_no_features(model):
    tonight = model.collect(TONIGHT)
    uri = join_uri(model.champion.bundle_uri, "manifest.json")
    changed = json.loads(Files().read_bytes(uri)) | {"numeric": ["distance"]}
    Files().write_bytes(uri, json.dumps(changed).encode())
    with pytest.raises(DigestMismatchError, match="manifest"):
        read_watched(tonight, Files(), A, B)


def test_what_the_scoring_stage_writes_can_be_watched(tmp_path):
    model = WatchedModel(tmp_path, days=40)
    features = model.features.model_copy(update={"as_of": model.night(TONIGHT)})
    for day in (B - timedelta(days=1), B):
        score_day(model.definition, features, model.settings, day)
    tonight = model.collect(TONIGHT)
    assert tonight.scored_rows == {date(2013, 4, 4): 20, B: 20}
    outcomes = read_outcomes(tonight, Files(), A, B)
    assert outcomes["label"].notna().sum() == 20
    assert (outcomes["_trained_through"] == pd.Timestamp(model.champion.trained_through)).all()


def set_aside(model, night, *days):
    NightStore(model.settings.database_url).record(night_decision(model=MODEL, as_of=model.night(night), faulty_days=days))


def test_days_that_an_earlier_night_set_aside_are_not_looked_at_again(model):
    set_aside(model, date(2013, 4, 5), date(2013, 4, 3))
    collected = model.collect(TONIGHT)
    assert collected.set_aside == (date(2013, 4, 3),)
    assert date(2013, 4, 3) not in collected.scored_rows
    for read in (read_watched, read_outcomes):
        assert set(read(collected, Files(), A, B)["_day"]) == {date(2013, 4, day) for day in (1, 2, 4, 5)}


def test_a_day_that_a_person_readmits_is_looked_at_again_and_not_called_a_fault(model):
    set_aside(model, date(2013, 4, 5), date(2013, 4, 3))
    NightStore(model.settings.database_url).release_day(MODEL, date(2013, 4, 3), "me", "it was sound")
    collected = model.collect(TONIGHT)
    assert (collected.set_aside, collected.readmitted) == ((), (date(2013, 4, 3),))
    assert date(2013, 4, 3) in set(read_watched(collected, Files(), A, B)["_day"])


def test_a_night_looks_at_the_days_it_set_aside_itself(model):
    """Watched again, it must come to the same decision."""
    before = model.collect(TONIGHT)
    set_aside(model, TONIGHT, date(2013, 4, 3))
    assert model.collect(TONIGHT, force=True) == before
