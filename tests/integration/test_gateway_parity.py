"""What a real gateway logs: features that can be computed again to the last bit, and nothing of those whom probes stand for."""

from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from evergreen.cli.main import app
from evergreen.definitions import load_definition
from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.serving.log.shipping import ship_spool
from evergreen.stages.check_operations import recompute_served
from evergreen.tables.addresses import served_uri
from evergreen.tables.day_table import DAY
from evergreen.tables.served_table import ServedTable
from served_model import FREE, MODEL, NIGHT, QUICK, ServedModel, a_row, running_gateway

ANSWERS = 1000
DAY_ASKED = date(2013, 4, 1)


def odd_row(number):
    """Rows as callers send them: whole numbers for floats, nulls, unknown categories, joined columns."""
    row = a_row(number)
    row["distance"] = number if number % 2 else number / 7
    if number % 5 == 0:
        row["hour"] = None
    if number % 7 == 0:
        row["carrier"] = None
    if number % 11 == 0:
        row["carrier"] = "unheard of"
    if number % 13 == 0:
        row |= {"temp": number / 3} if number % 2 else {"temp": None}
    return row


def ask(gateway, rows, requests_of):
    for place in range(0, len(rows), requests_of):
        answer = gateway.post({"rows": rows[place : place + requests_of]})
        assert answer.ok, answer.text


def definition_of(model):
    return load_definition(model.settings.definitions_dir / MODEL)


@pytest.mark.slow
@pytest.mark.parametrize("source", [QUICK, FREE], ids=["expressions", "pandas"])
def test_features_of_logged_answers_are_computed_again_to_the_last_bit(tmp_path, source):
    model = ServedModel(tmp_path)
    champion = model.release(source=source)
    model.publish(champion)
    rows = [odd_row(number) for number in range(ANSWERS)]
    with running_gateway(model.settings) as gateway:
        ask(gateway, rows[:300], 1)
        night = NIGHT + timedelta(hours=1)  # answers from then on rest on other inputs, and name them
        model.publish(champion, night=night, warmth=2.5)
        gateway.wait(lambda g: "T08:00" in g.get(f"/models/{MODEL}").json()["features_as_of"], "newer inputs")
        ask(gateway, rows[300:], 35)
    ship_spool(model.settings)
    definition = definition_of(model)
    found = recompute_served(definition, model.settings, DAY_ASKED)
    assert (found.answers, found.different, found.differences) == (ANSWERS, 0, [])
    assert found.values == ANSWERS * 4
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    served = table.read(table.version(), [DAY_ASKED], ["_key", "number_temp", "online_digest"])
    assert len(set(served.column("_key").to_pylist())) == ANSWERS
    assert len(set(served.column("online_digest").to_pylist())) == 2
    assert 0 < served.column("number_temp").null_count < ANSWERS


@pytest.mark.slow
def test_a_difference_is_found(tmp_path, monkeypatch):
    """A table whose features were changed by somebody must not pass."""
    model = ServedModel(tmp_path)
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        ask(gateway, [a_row(number) for number in range(20)], 20)
    ship_spool(model.settings)
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    columns = list(table.columns(table.version()))
    rows = table.read(table.version(), [DAY_ASKED], columns).to_pandas()
    rows["number_distance"] *= 1 + 1e-15
    rows["_key"] += "-changed"
    import pyarrow as pa

    changed = pa.Table.from_pandas(rows.astype({DAY: str}), preserve_index=False)
    table.append(changed, sender="somebody", number=1)
    found = recompute_served(definition_of(model), model.settings, DAY_ASKED)
    assert found.answers == 40
    assert 0 < found.different <= 20
    assert {each.feature for each in found.differences} == {"distance"}
    assert all(each.key.endswith("-changed") for each in found.differences)
    assert recompute_served(definition_of(model), model.settings, DAY_ASKED, most_answers=7).answers == 7
    monkeypatch.setenv("EVERGREEN_HOME", str(model.settings.home))
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(model.settings.definitions_dir))
    told = CliRunner().invoke(app, ["parity", MODEL, "--day", f"{DAY_ASKED}"])
    assert told.exit_code == 1
    assert f"40 answers, 160 features, {found.different} differ" in told.stdout


def test_what_was_dropped_or_hashed_cannot_be_recomputed(tmp_path):
    model = ServedModel(tmp_path, serving={"personal": {"drop": ["origin"]}})
    with pytest.raises(RequestError, match="origin"):
        recompute_served(definition_of(model), model.settings, DAY_ASKED)


def test_before_the_first_answer_nothing_differs(tmp_path):
    model = ServedModel(tmp_path)
    assert recompute_served(definition_of(model), model.settings, DAY_ASKED).answers == 0
