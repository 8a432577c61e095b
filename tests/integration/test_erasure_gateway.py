"""A running gateway goes over to inputs without erased rows; parity of answers that rested on those before says why not."""

from datetime import date

from typer.testing import CliRunner

from evergreen.cli.main import app
from evergreen.definitions import load_definition
from evergreen.erasure.forgetting import forget
from evergreen.erasure.selection import parse_selection
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.serving.log.shipping import ship_spool
from evergreen.stages.check_operations import recompute_served
from served_model import MODEL, ServedModel, a_row, running_gateway

DAY = date(2013, 4, 1)
KEY = "a key of this installation"


def test_a_gateway_answers_on_without_what_was_erased(tmp_path, monkeypatch):
    model = ServedModel(tmp_path)
    model.settings = model.settings.model_copy(update={"hash_key": KEY})
    model.publish(model.release())
    definition = load_definition(model.settings.definitions_dir / MODEL)
    rows = {"rows": [a_row(number) for number in range(8)]}
    with running_gateway(model.settings) as gateway:
        before = gateway.post(rows).json()
    ship_spool(model.settings)
    with running_gateway(model.settings) as gateway:
        assert gateway.post(a_row(1)).ok
        report = forget(definition, model.settings, parse_selection(["carrier=AA"]), confirmed=True, actor="anna@office")
        assert report.complete
        assert {place.place: place.rows for place in report.places}["tables/served"] == 2
        (newest,) = OnlineVersionStore(model.settings.database_url).newest_all()
        live = tmp_path / "gateway" / "cache" / MODEL / "live.json"
        gateway.wait(lambda g: newest.digest in live.read_text(), "inputs without the carrier")
        assert [path.name for path in (live.parent / "online").iterdir()] == [newest.digest], "nothing else is on this disk"
        after = gateway.post(rows).json()
    assert before["predictions"][1]["probability"] == after["predictions"][1]["probability"], "of another carrier"
    ship_spool(model.settings)
    found = recompute_served(definition, model.settings, DAY)
    assert found.different == 0
    assert found.answers > 0, "those on the new inputs"
    assert len(found.erased) == 1
    assert "7 answers are left out: a publication of online inputs cannot be read" in found.erased[0]
    assert "by anna@office" in found.erased[0]
    for name, value in (("HOME", model.settings.home), ("DEFINITIONS_DIR", model.settings.definitions_dir)):
        monkeypatch.setenv(f"EVERGREEN_{name}", str(value))
    told = CliRunner().invoke(app, ["parity", MODEL, "--day", f"{DAY}"])
    assert (told.exit_code, "erased on" in told.output) == (0, True)
