import copy
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from evergreen.definitions.positions import read_document
from evergreen.definitions.schema import definition_schema, write_schema

DEFINITIONS = sorted((Path(__file__).parents[3] / "include" / "models").glob("*/model.yaml"))


@pytest.fixture(scope="module")
def validator():
    Draft7Validator.check_schema(definition_schema())
    return Draft7Validator(definition_schema())


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.parent.name)
def test_shipped_definitions_fit(validator, path):
    assert [error.message for error in validator.iter_errors(read_document(str(path), path.read_bytes()).values)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("gaet",), {}),
        (("gate", "holdout"), "-3d"),
        (("gate", "primary", "metric"), "auc"),
        (("owner",), 7),
        (("training", "seed"), "yes"),
    ],
)
def test_an_editor_sees_mistakes(validator, folder, path, value):
    values = copy.deepcopy(read_document("model.yaml", (folder / "model.yaml").read_bytes()).values)
    inner = values
    for part in path[:-1]:
        inner = inner.setdefault(part, {})
    inner[path[-1]] = value
    assert list(validator.iter_errors(values))


def test_durations_and_meanings_are_written_as_in_a_definition():
    gate = definition_schema()["$defs"]["Gate"]["properties"]
    assert gate["holdout"]["default"] == "21d"
    assert gate["holdout"]["description"] == (
        "The last complete days, kept from training; judged on are those of their rows whose labels have arrived."
    )


def test_an_unchanged_schema_is_not_written(tmp_path):
    path = tmp_path / "model.schema.json"
    assert write_schema(path) is True
    before = path.stat().st_mtime_ns
    assert write_schema(path) is False
    assert path.stat().st_mtime_ns == before
