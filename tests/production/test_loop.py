"""The loop of the demo on PostgreSQL, Redis, two Celery workers, Ceph's S3 and MLflow with users: what does it decide?"""

import json
import urllib.request

import pytest

from evergreen.definitions import read_definitions
from production.stack import ROOT
from production.what_was_decided import computed, decided

MODEL = "flight_delays"
DEMO_LIMIT_SECONDS = 3000


@pytest.mark.timeout(2 * DEMO_LIMIT_SECONDS)
def test_it_decides_and_computes_what_the_embedded_default_does(told, embedded, production_settings):
    print(f"demo: production {told:.0f} s, embedded with its start and stop {embedded.demo_seconds:.0f} s")
    there, here = decided(production_settings), decided(embedded.settings)
    assert [one["outcome"] for one in here["decisions"]] == ["promote", "promote"]
    assert len(here["nights"]) == 3
    for name, rows in here.items():
        assert there[name] == rows, name
    definition = read_definitions(ROOT / "include" / "models", [MODEL]).sound[MODEL]
    tables = computed(embedded.settings, definition)
    assert all(tables.values()), "every table has days"
    assert computed(production_settings, definition) == tables


def test_both_workers_had_their_share(told, production):
    for name in ("worker-light", "worker-train"):
        assert "succeeded" in (production.home / f"{name}.log").read_text(encoding="utf-8"), name


def test_nothing_had_to_be_started_again(told, production):
    assert production.restarts == {}


def test_mlflow_shows_its_models_to_nobody_without_a_password(told, production):
    address = f"{production.urls['mlflow']}/api/2.0/mlflow/registered-models/search"
    assert production.session.get(address, timeout=20).status_code == 401
    allowed = production.session.get(address, timeout=20, auth=("gateway", production.secrets["MLFLOW_GATEWAY_PASSWORD"]))
    assert MODEL in [one["name"] for one in allowed.json()["registered_models"]]


def test_status_and_replay_read_the_same_stores(told, production, production_settings):
    assert "champion" in production.evergreen("status", MODEL)
    for row in decided(production_settings)["decisions"]:
        production.evergreen("replay", row["id"])  # exits with 1 when the answer differs
    with pytest.raises(AssertionError):
        production.evergreen("replay", "0" * 32)
    assert json.loads(urllib.request.urlopen(f"{production.urls['gateway']}/health", timeout=20).read())["status"] == "ok"
