import numpy as np
import pytest

from evergreen.errors import NotEnoughRowsError
from evergreen.files import Files
from evergreen.stages.train.rows import MIN_CLASS_ROWS, read_training_rows
from simulated_flights import make_definition, make_feature_set, make_frame, select


@pytest.fixture
def frames(monkeypatch):
    """Hand a frame to the stage in place of stored features."""

    def give(frame):
        monkeypatch.setattr(
            "evergreen.stages.train.rows.read_labelled",
            lambda feature_set, files, *, from_time, before_time: select(frame, from_time, before_time),
        )

    return give


def read(definition, days=40):
    return read_training_rows(definition, make_feature_set(days), Files())


def test_training_ends_where_the_holdout_begins(frames):
    frames(make_frame())
    definition = make_definition()
    rows = read(definition)
    assert rows.end == definition.holdout_start(make_feature_set().last_day)
    assert rows.last < rows.end
    assert len(rows.label) == 30 * 50


def test_a_window_counts_back_from_the_holdout(frames):
    frames(make_frame())
    rows = read(make_definition(window="15d"))
    assert len(rows.label) == 15 * 50
    assert (rows.end - rows.first).days == 14


def test_fewest_rows(frames):
    frames(make_frame())
    assert len(read(make_definition(min_rows=1500)).label) == 1500
    with pytest.raises(NotEnoughRowsError, match="1500 rows") as caught:
        read(make_definition(min_rows=1501))
    assert "1501" in caught.value.allowed
    assert caught.value.remedy


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_labels_of_one_class_are_refused(frames, answer):
    frame = make_frame()
    frame["_label"] = answer
    frames(frame)
    with pytest.raises(NotEnoughRowsError, match=f"{1500 if answer else 0} yes") as caught:
        read(make_definition())
    assert "arr_delay" in caught.value.remedy


def test_fewest_rows_of_either_answer(frames):
    frame = make_frame()
    frame["_label"] = np.arange(len(frame)) < MIN_CLASS_ROWS
    frames(frame)
    assert read(make_definition()).label.sum() == MIN_CLASS_ROWS
    frame["_label"] = np.arange(len(frame)) < MIN_CLASS_ROWS - 1
    with pytest.raises(NotEnoughRowsError):
        read(make_definition())


@pytest.mark.parametrize("column", ["_key", "_label", "wind", "carrier"])
def test_the_digest_sees_every_value_of_every_row(frames, column):
    frame = make_frame()
    frames(frame)
    before = read(make_definition()).digest
    assert read(make_definition()).digest == before
    changed = frame.copy()
    row = 1400
    changed.loc[row, column] = {"_key": "other", "_label": 1 - frame["_label"][row], "wind": 99.5, "carrier": "ZZ"}[column]
    frames(changed)
    assert read(make_definition()).digest != before
