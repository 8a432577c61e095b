import numpy as np
import pytest

from evergreen.predictors.arrays import sigmoid
from evergreen.predictors.baseline import SMOOTHING_ROWS, RateTable

NAN = np.nan


def table_of(groups, labels):
    return RateTable.fit(np.array(groups, dtype=np.float32), np.array(labels, dtype=np.float64))


def test_without_columns_there_is_one_rate():
    table = RateTable.fit(np.empty((98, 0), dtype=np.float32), np.repeat([0.0, 1.0], [79, 19]))
    assert table.groups == ()
    assert sigmoid(table.score(np.empty((3, 0), dtype=np.float32))) == pytest.approx([0.2] * 3)


def test_a_group_is_pulled_towards_the_overall_rate():
    table = table_of([[0]] * 20 + [[1]] * 980, [1.0] * 20 + [0.0] * 980)
    expected = (20 + SMOOTHING_ROWS * table.overall) / (20 + SMOOTHING_ROWS)
    assert sigmoid(table.score(np.array([[0.0]], dtype=np.float32)))[0] == pytest.approx(expected)


@pytest.mark.parametrize("row", [[NAN, 0], [0, NAN], [7, 7]])
def test_missing_and_unseen_groups_get_the_overall_rate(row):
    table = table_of([[0, 0], [1, 1], [NAN, 1]] * 30, [1.0, 0.0, 0.0] * 30)
    assert len(table.groups) == 2
    assert sigmoid(table.score(np.array([row], dtype=np.float32)))[0] == pytest.approx(table.overall)


def test_the_table_reads_back_from_its_text():
    table = table_of([[0, 2], [1, 1]] * 30, [1.0, 0.0] * 30)
    assert RateTable.model_validate_json(table.to_bytes()) == table
