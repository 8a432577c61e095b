from datetime import UTC, timedelta

import numpy as np
import pytest

from evergreen.errors import NotEnoughRowsError
from evergreen.stages.train.folds import time_ordered_folds
from evergreen.stages.train.rows import TrainingRows
from simulated_flights import CATEGORICAL, NUMERIC, make_definition, make_feature_set, make_frame


def rows_of(frame, days=40):
    end = make_definition().holdout_start(make_feature_set(days).last_day)
    frame = frame[frame["_event_time"] < end].reset_index(drop=True)
    return TrainingRows(frame, NUMERIC, CATEGORICAL, end)


def search(**changes):
    return make_definition(search={"trials": 1, "folds": 3, "fold": "7d", **changes}).training.search


def test_each_fold_is_tested_on_its_week_and_trained_on_everything_before():
    rows = rows_of(make_frame())
    folds = time_ordered_folds(rows, search())
    assert len(folds) == 3
    for number, fold in enumerate(folds):
        start = rows.end - timedelta(days=7 * (3 - number))
        times = rows.frame["_event_time"]
        assert (times[fold.train] < start).all()
        assert ((times[fold.test] >= start) & (times[fold.test] < start + timedelta(days=7))).all()
        assert fold.cut == int((times < start).sum())
    assert folds[-1].stop == len(rows.label)


def test_a_row_on_the_boundary_is_tested_on_and_not_learned_from():
    frame = make_frame()
    rows = rows_of(frame)
    boundary = np.datetime64((rows.end - timedelta(days=7)).astimezone(UTC).replace(tzinfo=None), "us")
    position = int(np.searchsorted(rows.event_time, boundary))
    frame.loc[position, "_event_time"] = boundary.item().replace(tzinfo=UTC)
    assert time_ordered_folds(rows_of(frame), search())[-1].cut == position


def test_a_short_history_gets_shorter_folds(caplog):
    folds = time_ordered_folds(rows_of(make_frame(days=18), days=18), search())
    assert len(folds) == 3
    assert folds[0].cut >= (folds[0].stop - folds[0].cut) * 0.8
    assert "the history is short" in caplog.text


def test_a_fold_that_has_one_answer_to_learn_from_is_left_out():
    frame = make_frame()
    late = (frame["_event_time"] - frame["_event_time"].min()).dt.days >= 12
    frame["_label"] = np.where(late, frame["_label"], 0.0)
    assert len(time_ordered_folds(rows_of(frame), search())) == 2


def test_a_fold_without_positives_is_still_tested_on():
    frame = make_frame()
    quiet = (frame["_event_time"] - frame["_event_time"].min()).dt.days.between(16, 22)
    frame["_label"] = np.where(quiet, 0.0, frame["_label"])
    assert len(time_ordered_folds(rows_of(frame), search())) == 3


def test_no_usable_fold_says_so_in_four_parts():
    frame = make_frame()
    frame["_event_time"] = frame["_event_time"].min()
    with pytest.raises(NotEnoughRowsError) as caught:
        time_ordered_folds(rows_of(frame), search())
    assert all([caught.value.what, caught.value.found, caught.value.allowed, caught.value.remedy])
