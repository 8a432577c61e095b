import pytest

from evergreen.definitions.feature_code import feature_code_problems

GOOD = [
    "def row_features(rows, entities):\n    return rows\n",
    "def row_features(rows, entities, *, scale=1):\n    return rows\ndef entity_features(history, as_of):\n    return {}\n",
    "def row_features(*frames):\n    return frames[0]\n",
    "from features_of_another import build as row_features\n",
    "row_features = lambda rows, entities: rows\n",
    "raise SystemExit('never run')\ndef row_features(rows, entities): ...\n",
]
BAD = [
    ("", 1, "`row_features` is not defined", ""),
    ("def row_feature(rows, entities): ...\n", 1, "`row_features` is not defined", "rename `row_feature`"),
    ("class A:\n    def row_features(rows, entities): ...\n", 1, "`row_features` is not defined", ""),
    ("x = 1\ndef row_features(rows): ...\n", 2, "a function of another shape", ""),
    ("def row_features(rows, entities, more): ...\n", 1, "a function of another shape", ""),
    ("def row_features(rows, entities, *, more): ...\n", 1, "a function of another shape", ""),
    ("def row_features(r, e): ...\ndef entity_features(history): ...\n", 2, "a function of another shape", ""),
    ("def row_features(rows, entities):\n    return (\n", 2, "not Python: '(' was never closed", ""),
]


@pytest.mark.parametrize("source", GOOD)
def test_sound_code(tmp_path, source):
    (tmp_path / "features.py").write_text(source)
    assert list(feature_code_problems(tmp_path / "features.py")) == []


@pytest.mark.parametrize(("source", "line", "what", "hint"), BAD)
def test_unsound_code(tmp_path, source, line, what, hint):
    (tmp_path / "features.py").write_text(source)
    (problem,) = feature_code_problems(tmp_path / "features.py")
    assert (problem.line, problem.what, problem.hint) == (line, what, hint)


def test_no_code_at_all(tmp_path):
    (tmp_path / "feature.py").touch()
    (problem,) = feature_code_problems(tmp_path / "features.py")
    assert (problem.what, problem.hint) == ("the feature code is not there", "did you mean `feature.py`?")
