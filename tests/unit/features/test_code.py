from datetime import UTC, datetime

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.errors import FeatureError
from evergreen.features.code import FeatureCode

NOW = datetime(2024, 3, 1, 8, tzinfo=UTC)
ROWS = pd.DataFrame({"shop": ["a", "b"], "price": [1.0, 2.0]})
PLAIN = "def row_features(rows, entities):\n    return rows\n"


def code_returning(expression):
    return FeatureCode.from_source(f"import narwhals as nw\ndef row_features(rows, entities):\n    return {expression}\n")


def test_an_error_shows_the_users_file_line_and_the_moment(tmp_path):
    path = tmp_path / "features.py"
    path.write_text(PLAIN + "def entity_features(history, as_of):\n    wrong = history['nothing']\n    return {}\n")
    with pytest.raises(FeatureError, match="`entity_features` raised KeyError") as caught:
        FeatureCode.from_path(path).entity_features({}, NOW)
    assert f"{path}:4: wrong = history['nothing']" in caught.value.found
    assert "2024-03-01T08:00:00+00:00" in caught.value.found


def test_an_error_below_user_code_still_shows_the_users_line():
    code = code_returning("rows.merge(rows, on='no_such_column')")
    with pytest.raises(FeatureError, match="`row_features` raised KeyError") as caught:
        code.row_features(ROWS, {})
    assert ":3: return rows.merge(rows, on='no_such_column')" in caught.value.found
    assert "columns shop, price" in caught.value.found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def row_features(rows, entities)\n    return rows\n", "is not Python"),
        ("import no_such_package\n" + PLAIN, "raised ModuleNotFoundError when it was loaded"),
        ("def features(rows):\n    return rows\n", "has no `row_features`"),
        ("def row_features(rows):\n    return rows\n", "`row_features` must take two arguments"),
        (PLAIN + "entity_features = 3\n", "`entity_features` must take two arguments"),
    ],
)
def test_code_that_cannot_serve_is_refused_when_loaded(source, message):
    with pytest.raises(FeatureError, match=message):
        FeatureCode.from_source(source)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FeatureError, match="cannot be read") as caught:
        FeatureCode.from_path(tmp_path / "features.py")
    assert str(tmp_path) in caught.value.found


@pytest.mark.parametrize(
    "expression",
    ["rows", "nw.from_native(rows)", "nw.from_native(rows).lazy()", "nw.from_native(rows).to_arrow()"],
)
def test_any_frame_that_narwhals_knows_may_be_returned(expression):
    pd.testing.assert_frame_equal(code_returning(expression).row_features(ROWS, {}), ROWS)


@pytest.mark.parametrize("expression", ["None", "rows['price']", "{'price': 1}", "[1, 2]"])
def test_anything_else_is_refused(expression):
    with pytest.raises(FeatureError, match="`row_features` must return a frame"):
        code_returning(expression).row_features(ROWS, {})


@pytest.mark.parametrize("returned", ["[history]", "None", "{1: history}"])
def test_entities_have_names(returned):
    code = FeatureCode.from_source(PLAIN + f"def entity_features(history, as_of):\n    return {returned}\n")
    with pytest.raises(FeatureError, match="must return frames by name"):
        code.entity_features({}, NOW)


def test_entities_reach_rows_as_pandas_whatever_they_were():
    code = FeatureCode.from_source(
        "import narwhals as nw\n" + PLAIN + "def entity_features(history, as_of):\n"
        "    return {'a': nw.from_native(history['t']), 'b': history['t']}\n"
    )
    entities = code.entity_features({"t": pa.table({"x": [1]})}, NOW)
    assert all(isinstance(frame, pd.DataFrame) for frame in entities.values())
    assert isinstance(nw.from_native(entities["a"]), nw.DataFrame)


def test_code_without_entities_has_none():
    code = FeatureCode.from_source(PLAIN)
    assert not code.has_entities
    assert code.entity_features({}, NOW) == {}


def test_the_digest_is_of_the_text_alone(tmp_path):
    path = tmp_path / "features.py"
    path.write_text(PLAIN)
    assert FeatureCode.from_path(path).digest == FeatureCode.from_source(PLAIN).digest
    assert FeatureCode.from_source(PLAIN + "\n").digest != FeatureCode.from_source(PLAIN).digest


def test_dataclasses_in_user_code_work():
    source = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n" + PLAIN
    assert FeatureCode.from_source(source).row_features(ROWS, {}) is ROWS
