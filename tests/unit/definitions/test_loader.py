import pickle
import shutil
from datetime import date, timedelta

import pytest
import yaml

from evergreen.definitions import load_definition, load_definitions, positions, read_definitions
from evergreen.errors import DefinitionError

MANY = """\
name: minimal
title: ""
owner: 007
tags: [demo, on]
schedule: {at: 25:00, timezone: Europe/Berlni, trainng: nightly}
data:
  rows: order
  first_day: 2013-1-1
  label: {tabel: returns, column: returned, above: yes}
  tables:
    orders: {files: orders/{date}.csv, key: order_id}
    Returns: {files: returns.csv, key: [a], keys: [b]}
    returns: {files: "returns/{day}.csv", sql: {query: q, url: u}, key: [b, b], key: [c], event_time: t}
training: {candidates: [baseline, xgbost], seed: yes}
gate: {guards: [{metric: roc_auc}], primary: {confidence: 2}}
validation: {tables: {retruns: {}}}
"""


def test_the_minimal_definition_can_be_judged(folder):
    """A guide is built on it: its holdout must hold enough days whose labels have matured."""
    definition = load_definition(folder)
    label = definition.data.tables["returns"].available_after
    assert label is not None
    assert definition.gate.holdout - label >= timedelta(days=definition.gate.min_days)


def test_the_minimal_definition_has_defaults(folder):
    definition = load_definition(folder)
    assert len((folder / "model.yaml").read_text().splitlines()) <= 25
    assert definition.folder == folder
    assert definition.features_path == folder / "features.py"
    assert definition.data.first_day == date(2026, 1, 1)
    assert definition.data.tables["returns"].available_after == timedelta(days=14)
    assert definition.training.candidates == ("baseline", "logistic_regression", "xgboost")
    assert definition.gate.primary.minimum_effect == 0.002
    assert definition.schedule.at == "03:00"


def test_every_mistake_is_told_at_once(folder):
    (folder / "model.yaml").write_text(MANY.replace("{date}", '"{date}"').replace("orders/", "orders-"))
    (folder / "model.yaml").write_text(MANY.replace("files: orders/{date}.csv", 'files: "orders/{date}.csv"'))
    (folder / "features.py").write_text("def row_feature(rows, entities):\n    return rows\n")
    with pytest.raises(DefinitionError) as caught:
        load_definition(folder)
    assert {(problem.line, problem.path) for problem in caught.value.problems} == {
        (1, ""),
        (2, "title"),
        (3, "owner"),
        (5, "schedule.at"),
        (5, "schedule.timezone"),
        (5, "schedule.trainng"),
        (7, "data.rows"),
        (8, "data.first_day"),
        (9, "data.label.tabel"),
        (9, "data.label.above"),
        (11, "data.tables.orders.files"),
        (11, "data.tables.orders.key"),
        (12, "data.tables"),
        (12, "data.tables.Returns.keys"),
        (13, "data.tables.returns.sql"),
        (13, "data.tables.returns.key[1]"),
        (13, "data.tables.returns.key"),
        (14, "training.candidates[1]"),
        (14, "training.seed"),
        (15, "gate.guards[0]"),
        (15, "gate.primary.confidence"),
        (16, "validation.tables.retruns"),
    }


def test_the_text_is_bounded_and_the_data_is_not(folder):
    (folder / "model.yaml").write_text((folder / "model.yaml").read_text() + "".join(f"key{n}: 1\n" for n in range(30)))
    with pytest.raises(DefinitionError) as caught:
        load_definition(folder)
    error = pickle.loads(pickle.dumps(caught.value))
    assert len(error.problems) == 30
    assert str(error).count("unknown key") == 20
    assert "30 mistakes in 1 file" in str(error)
    assert "and 10 more" in str(error)


def test_a_problem_names_its_place_as_editors_link_it(problems_after):
    (problem,) = problems_after("owner: shop-team", "owner: 42")
    assert str(problem).startswith(f"{problem.file}:3:8: owner: wrong type")
    assert str(problem).endswith('put it in quotes: "42"')


def test_a_broken_definition_does_not_hide_the_others(folder, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(folder, tmp_path / name)
        text = (folder / "model.yaml").read_text().replace("minimal", name, 1)
        (tmp_path / name / "model.yaml").write_text(text.replace("owner:", "ownr:"))
    found = read_definitions(tmp_path)
    assert list(found.sound) == ["minimal"]
    assert len(found.problems) == 2
    with pytest.raises(DefinitionError, match="2 mistakes in 2 files"):
        load_definitions(tmp_path)


def test_sound_definitions_come_by_name(folder, tmp_path):
    assert load_definitions(tmp_path) == {"minimal": load_definition(folder)}
    assert load_definitions(tmp_path / "nothing") == {}


def test_a_folder_that_is_not_there_names_its_neighbour(folder, tmp_path):
    with pytest.raises(DefinitionError, match="did you mean `minimal`"):
        load_definition(tmp_path / "minimla")


def test_an_ending_that_is_not_yaml_is_seen(folder):
    (folder / "model.yaml").rename(folder / "model.yml")
    with pytest.raises(DefinitionError, match=r"rename .*model\.yml"):
        load_definition(folder)


def test_the_folder_is_not_part_of_equality_of_text(folder):
    text = (folder / "model.yaml").read_text()
    before = load_definition(folder).digest()
    (folder / "model.yaml").write_text("# a comment\n" + text.replace("14d", "2w"))
    assert load_definition(folder).digest() == before


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a list\n", "word\n"])
def test_what_is_no_mapping_is_told(folder, text):
    (folder / "model.yaml").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        load_definition(folder)
    assert caught.value.problems[0].what == "wrong type"
    assert caught.value.problems[0].allowed.startswith("the keys name, title")


def test_an_expectations_own_arguments_keep_their_yaml_types(folder):
    rule = "{expect: ExpectColumnValuesToBeInSet, arguments: {column: country, value_set: [no, on, 'true', 1, 1.5, ~, true]}}"
    path = folder / "model.yaml"
    path.write_text(f"{path.read_text()}validation: {{tables: {{orders: {{expectations: [{rule}]}}}}}}\n")
    (expectation,) = load_definition(folder).validation.tables["orders"].expectations
    assert expectation.arguments["value_set"] == ["no", "on", "true", 1, 1.5, None, True]


def test_the_slow_parser_reads_the_same(folder, monkeypatch):
    """Without libyaml PyYAML falls back to Python."""
    text = (folder / "model.yaml").read_bytes()
    fast = positions.read_document("model.yaml", text)
    slow = type("Slow", (yaml.BaseLoader,), {"yaml_implicit_resolvers": positions._Composer.yaml_implicit_resolvers})
    monkeypatch.setattr(positions, "_Composer", slow)
    assert positions.read_document("model.yaml", text) == fast
