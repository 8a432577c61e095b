"""A task's error crosses processes: nothing of it may be lost on the way."""

import pickle

import pytest

from evergreen import errors
from evergreen.errors import DefinitionError, EvergreenError, Problem

KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, EvergreenError)]


@pytest.mark.parametrize("kind", KINDS)
def test_four_parts_come_back(kind):
    error = kind("it went wrong", found="this", allowed="that", remedy="do so")
    error.add_note("in task ingest")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.what, copy.found, copy.allowed, copy.remedy) == ("it went wrong", "this", "that", "do so")
    assert str(copy) == str(error)
    assert copy.__notes__ == ["in task ingest"]


def test_the_problems_of_a_definition_come_back():
    error = DefinitionError("wrong", found="f", allowed="a", remedy="r")
    error.problems = (Problem("model.yaml", 3, 5, "gate.holdout", "wrong value", "`x`", "a duration"),)
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
