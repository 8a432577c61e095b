"""Which table became which features became which version of a model; and what telling of it costs while nobody listens.

The datasets are those of real runs. Events as Airflow's own components send them are looked at in `test_aws_services.py`.
"""

import json
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from evergreen.connect.lineage.datasets import datasets_of
from integration.guide_settings import settings_in

AS_OF = "2013-02-15"
ARGUMENTS = {
    "ingest": (),
    "validate": ("ingest",),
    "build_features": ("validate",),
    "train": ("build_features",),
    "evaluate": ("validate", "build_features", "train"),
    "gate": ("evaluate",),
    "register": ("gate",),
    "smoke_test": ("register", "build_features", "evaluate"),
    "release": ("smoke_test", "gate"),
    "score": ("build_features",),
    "materialize": ("validate",),
}
CHAMPION = "evergreen://flight_delays/champion"


def lineage_of(returned, inlets=None, outlets=None):
    """Return what each task read and wrote, as names relative to the home, out of a run's results."""
    found = {}
    for task_id, names in ARGUMENTS.items():
        if task_id in returned:
            given = [returned[name] for name in names]
            result = returned[task_id]
            for one in result if isinstance(result, list) else [result]:
                read, written = datasets_of(
                    task_id, given, one, (inlets or {}).get(task_id, ()), (outlets or {}).get(task_id, ())
                )
                before = found.get(task_id, (set(), set()))
                found[task_id] = (before[0] | {_short(use) for use in read}, before[1] | {_short(use) for use in written})
    return found


def _short(use):
    for root in ("tables/", "artifacts/", "results/"):
        if f"/{root}flight_delays/" in use.name:
            return use.name.partition(f"/{root}flight_delays/")[2].partition("/measurement-")[0]
    return use.name


def test_a_training_leads_from_raw_tables_to_a_version_of_the_model_and_to_the_champion(champion_home):
    found = lineage_of(champion_home.first_training.returned, outlets={"release": [CHAMPION]})
    raw = {f"raw/{table}" for table in ("schedule", "arrivals", "weather", "planes")}
    assert found["ingest"] == (set(), raw)
    assert found["validate"] == (raw, {"quarantine/weather"})
    features = {name for name in found["build_features"][1] if name.startswith("features/")}
    assert found["build_features"] == (raw | {"quarantine/weather"}, features | {"labels"})
    assert len(features) == 1
    assert found["train"][0] == features | {"labels"}
    bundles = found["train"][1]
    assert bundles
    assert all(name.startswith("bundles/") for name in bundles)
    assert found["evaluate"][0] >= features | bundles
    assert len(found["evaluate"][1]) == 2
    assert found["gate"][1] == found["smoke_test"][1] == set()
    assert found["register"][0] >= {
        name for name in bundles if champion_home.first_training.returned["register"]["bundle_digest"] in name
    }
    assert found["register"][1] == {"flight_delays.model"}
    assert "flight_delays.model" in found["release"][0]
    assert found["release"][1] == {"flight_delays.champion"}


def test_a_nights_predictions_come_from_features_and_a_version_of_the_model(champion_home):
    found = lineage_of(champion_home.run("scoring", AS_OF).returned, {"build_features": [CHAMPION]})
    assert "flight_delays.champion" in found["build_features"][0]
    read, written = found["score"]
    assert written == {"predictions"}
    assert {"flight_delays.model", "labels"} < read
    assert any(name.startswith("features/") for name in read)
    assert "flight_delays.model" in found["materialize"][0]


def test_a_version_and_the_champion_come_from_a_bundle():
    candidate = {"bundle_uri": "s3://b/artifacts/m/bundles/x", "bundle_digest": "x"}
    registered = {"model": "m", "version": "3", "decision_id": "d", **candidate}
    read, written = datasets_of("register", [{"challenger": candidate}], registered)
    assert [(use.namespace, use.name, use.version) for use in read] == [("s3://b", "artifacts/m/bundles/x", "x")]
    assert [(use.namespace, use.name, use.version) for use in written] == [("evergreen", "m.model", "3")]
    release = {"model": "m", "version": "3", "previous_version": "2", "decision_id": "d", "bundle_digest": "x"}
    read, written = datasets_of("release", [{"registered": registered}], release, (), ["evergreen://m/champion"])
    assert ("m.model", "3") in {(use.name, use.version) for use in read}
    assert [(use.name, use.version) for use in written] == [("m.champion", "3")]


def test_what_is_no_result_of_ours_names_nothing():
    for value in (None, [], "s3://b/x", {"uri": 3}, {"uri": ""}, {"report_uri": "s3://b/x"}, [None, 1.5]):
        assert datasets_of("any", [value], value) == ((), ())


def test_tasks_of_other_dags_are_left_to_airflow():
    from evergreen.connect.lineage.extractor import StageExtractor

    def lineage(tags):
        task = SimpleNamespace(
            dag=SimpleNamespace(tags=tags), task_id="t", op_args=[], op_kwargs={"x": {"uri": "s3://b/x"}}, inlets=[], outlets=[]
        )
        return StageExtractor(task).extract()

    assert lineage({"evergreen"}).inputs[0].name == "x"
    assert lineage({"theirs"}).inputs == lineage(set()).inputs == []


@pytest.mark.parametrize(("how", "most_seconds"), [("refuses", 0.5), ("silent", 2.5)])
def test_an_event_to_nobody_costs_what_the_guide_says(how, most_seconds):
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        if how == "silent":
            nobody.listen(8)
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        printed = settings_in("production.md", "Lineage", **{"https://marquez.example.com": url})
        client = OpenLineageClient(config={"transport": json.loads(printed["AIRFLOW__OPENLINEAGE__TRANSPORT"])})
        run = Run("01a20131-b7be-71b2-838d-8a627353b15f")
        event = RunEvent(eventTime="2026-01-01T00:00:00Z", run=run, job=Job("evergreen", "any"), eventType=RunState.START)
        began = time.monotonic()
        with pytest.raises(Exception, match=r"Connection|timed out"):
            client.emit(event)
        assert time.monotonic() - began < most_seconds


def test_nothing_of_it_is_loaded_while_nothing_is_configured(tmp_path):
    code = (
        "import sys; from airflow.plugins_manager import get_plugin_info\n"
        "from airflow.sdk.listener import get_listener_manager\n"
        "found = [plugin['name'] for plugin in get_plugin_info()]; assert 'OpenLineageProviderPlugin' in found, found\n"
        "heavy = [name for name in sys.modules if name.startswith(('openlineage', 'evergreen.connect.lineage'))]\n"
        "assert heavy == [], heavy\n"
        "assert not [plugin for plugin in get_listener_manager().pm.get_plugins() if 'OpenLineage' in type(plugin).__name__]"
    )
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OPENLINEAGE"))}
    environment = {**outside, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
