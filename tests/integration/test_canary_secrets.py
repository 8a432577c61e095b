"""Recognisable secrets are planted in the environment; nothing that is written, printed, returned or served may hold them."""

import json
import os
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from typer.testing import CliRunner

from evergreen.cli import main
from evergreen.settings import Settings
from integration.night import CANARY, MODEL, PLANTED, SECRETS
from released_models import MODEL as SERVED
from served_model import ServedModel, a_row, running_gateway

PERSON = "canary-person-5d0a"


def holding(folder: Path, *canaries: str) -> list[str]:
    """Return the files below a folder that hold one of the canaries."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [str(path.relative_to(folder)) for canary in canaries if canary.encode() in data]
    return found


def environment(settings) -> dict[str, str]:
    return {f"EVERGREEN_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()} | PLANTED


def test_the_search_finds_what_it_looks_for(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.db").write_bytes(b"\x00" + CANARY.encode())
    assert holding(tmp_path, CANARY) == ["deep/a.db"]


def test_no_table_page_bundle_result_or_mlflow_run_of_a_training_holds_one(champion_home):
    assert champion_home.settings.hash_key == SECRETS["hash_key"]
    assert (champion_home.settings.home / "mlflow.db").is_file()
    assert list((champion_home.settings.home / "reports").rglob("*.html"))
    assert holding(champion_home.settings.home, CANARY) == []


def test_no_log_line_and_no_result_that_crosses_tasks_holds_one(champion_home, capfd, caplog):
    with patch.dict(os.environ, PLANTED), caplog.at_level("DEBUG"):
        outcome = champion_home.run("scoring", "2013-02-15")
    assert outcome.succeeded, outcome.errors
    printed = capfd.readouterr()
    assert outcome.returned
    assert CANARY not in json.dumps(outcome.returned, default=str) + caplog.text + printed.out + printed.err


def test_a_night_without_its_database_tells_no_password(tmp_path, airflow_home, capfd, caplog, monkeypatch):
    from evergreen.connect.in_process import run_dag
    from evergreen.connect.retries import RETRY_POLICY

    url = f"postgresql+psycopg://evergreen:{CANARY}@127.0.0.1:9/x?connect_timeout=2"
    settings = Settings(home=tmp_path, database_url=url, **SECRETS)
    monkeypatch.setattr(RETRY_POLICY.rules[0], "retry_delay", timedelta(0))  # it will not be there in half a minute either
    with patch.dict(os.environ, environment(settings)), caplog.at_level("DEBUG"):
        outcome = run_dag(f"{MODEL}.rollback", {"reason": "a test of secrets"})
    assert not outcome.succeeded
    printed = capfd.readouterr()
    told = json.dumps([str(outcome.errors), outcome.returned], default=str) + caplog.text + printed.out + printed.err
    assert "evergreen:***@127.0.0.1" in told  # it does say which database
    assert CANARY not in told
    assert holding(tmp_path, CANARY) == []


@pytest.mark.parametrize("command", [("status", MODEL, "--json"), ("status", MODEL), ("doctor",), ("decisions", MODEL)])
def test_no_command_prints_one(champion_home, command):
    with patch.dict(os.environ, environment(champion_home.settings)):
        found = CliRunner().invoke(main.app, list(command))
    assert found.output
    assert CANARY not in found.output


def test_doctor_and_status_name_a_lost_database_without_its_password(tmp_path):
    url = f"postgresql+psycopg://evergreen:{CANARY}@127.0.0.1:9/x?connect_timeout=2"
    with patch.dict(os.environ, {"EVERGREEN_HOME": str(tmp_path), "EVERGREEN_DATABASE_URL": url, **PLANTED}):
        for command in (["doctor"], ["status", MODEL], ["--debug", "status", MODEL]):
            found = CliRunner().invoke(main.app, command)
            assert found.exit_code != 0
            assert CANARY not in found.output + repr(found.exception)


def test_no_page_metric_log_line_or_spool_of_a_gateway_holds_one(tmp_path):
    model = ServedModel(tmp_path, serving={"personal": {"hash": ["id"], "drop": ["carrier"]}})
    model.publish(model.release())
    keys = tmp_path / "keys.json"
    with patch.dict(os.environ, {**environment(model.settings), "EVERGREEN_GATEWAY_KEYS_FILE": str(keys)}):
        made = CliRunner().invoke(main.app, ["key", "new", "all", "--models", "*", "--read"])
    key = made.stdout.strip()
    settings = model.settings.model_copy(update={**SECRETS, "gateway_keys_file": str(keys)})
    with running_gateway(settings, environment=PLANTED) as gateway:
        headers = {"authorization": f"Bearer {key}"}
        assert gateway.post(a_row(id=PERSON), headers=headers).ok
        assert gateway.post(a_row(id=PERSON, distance="far"), headers=headers).status_code == 422
        assert gateway.post(a_row(id=PERSON), headers={"authorization": f"Bearer {key}x"}).status_code == 401
        told = [requests.get(gateway.url + path, headers=headers, timeout=30).text for path in PAGES]
        told += [gateway.get(path).text for path in PAGES]
    told.append(gateway.log.read_text())
    secret = key.rpartition("_")[2]
    for canary in (CANARY, secret, PERSON):
        assert canary not in "".join(told)
    # Neither the installation's secrets nor who was asked about have come to the disk.
    assert holding(tmp_path, CANARY, secret, PERSON) == []


PAGES = ("/docs", "/openapi.json", "/metrics", "/models", f"/models/{SERVED}", "/health", "/ready", "/version", "/nothing")
