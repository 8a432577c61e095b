"""A gateway that wants keys, as callers meet it: a server of its own with two workers, real requests, a file that changes."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
import requests

from evergreen.serving.access.key_file import add_key, revoke_key
from evergreen.serving.access.keys import new_key
from evergreen.settings import PROJECT_ROOT
from free_ports import free_port
from released_models import MODEL
from served_model import ServedModel, a_row, running_gateway

HOSTILE = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "{{ 7 * 7 }}{{ ti }}",
    "'; DROP TABLE evergreen_decisions; --",
    "<script>alert(1)</script>",
    "a\r\nset-cookie: x=1",
    "\u202e\x00",
)


def bearer(key):
    return {"authorization": f"Bearer {key}"}


class Keys:
    def __init__(self, path):
        self.path = path

    def add(self, name, *, models=(MODEL,), may=("predict",), rate=None):
        key, entry = new_key(name, models=models, may=may, requests_per_minute=rate, expires=date(2099, 1, 1))
        add_key(self.path, entry)
        return key, entry


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    found = Keys(tmp_path_factory.mktemp("keys") / "keys.json")
    found.all, _ = found.add("all", models=("*",), may=("predict", "read"))
    found.narrow, _ = found.add("narrow")
    found.elsewhere, _ = found.add("elsewhere", models=("another",), may=("predict", "read"))
    found.slow, _ = found.add("slow", rate=30)
    return found


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, keys):
    model = ServedModel(tmp_path_factory.mktemp("guarded"))
    model.publish(model.release())
    settings = model.settings.model_copy(update={"gateway_keys_file": str(keys.path)})
    with running_gateway(settings, options=("--workers", "2")) as running:
        yield running


def get(gateway, path, key=None):
    return requests.get(f"{gateway.url}{path}", headers={} if key is None else bearer(key), timeout=30)


def test_a_key_predicts_and_no_key_does_not(gateway, keys):
    assert gateway.post(a_row(), headers=bearer(keys.narrow)).json()["predictions"]
    assert gateway.post(a_row(), headers={"x-api-key": keys.narrow}).ok
    for headers in ({}, bearer("evg_00000000_" + "0" * 64), bearer(keys.narrow[:-1] + "x")):
        answer = gateway.post(a_row(), headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="evergreen"')
        assert all(answer.json()["error"][part] for part in ("what", "found", "allowed", "remedy"))


def test_another_models_key_and_a_key_that_only_predicts_are_403(gateway, keys):
    assert gateway.post(a_row(), headers=bearer(keys.elsewhere)).status_code == 403
    assert get(gateway, f"/models/{MODEL}", keys.narrow).status_code == 403


def test_mlflows_addresses_obey_too(gateway, keys):
    body = {"dataframe_records": [a_row()]}
    for path in ("/invocations", f"/models/{MODEL}/invocations"):
        assert gateway.post(body, path).status_code == 401
        assert gateway.post(body, path, headers=bearer(keys.elsewhere)).status_code == 403
        assert gateway.post(body, path, headers=bearer(keys.narrow)).ok


def test_pages_want_the_right_to_read_and_states_do_not(gateway, keys):
    for path in ("/", "/docs", "/openapi.json", "/metrics", "/models", f"/models/{MODEL}", "/version"):
        assert get(gateway, path).status_code == 401
        assert get(gateway, path, keys.narrow).status_code == 403
        assert get(gateway, path, keys.all).ok
    for path in ("/health", "/ready", "/ping"):
        assert get(gateway, path).ok


def test_both_workers_count_a_keys_requests_together(gateway, keys):
    # Each request has a connection of its own, so that either worker gets some.
    statuses = [gateway.post(a_row(), headers=bearer(keys.slow)).status_code for _ in range(12)]
    assert statuses[:5] == [200] * 5
    assert statuses.count(200) <= 7
    assert statuses[-1] == 429
    refused = gateway.post(a_row(), headers=bearer(keys.slow))
    assert 1 <= int(refused.headers["retry-after"]) <= 2


def test_refusals_are_counted_by_reason_and_no_key_is_told_anywhere(gateway, keys):
    gateway.post(a_row())
    gateway.post(a_row(), headers=bearer(keys.elsewhere))

    def counted(one):
        text = get(one, "/metrics", keys.all).text
        return all(f'kind="{kind}"' in text for kind in ("no_key", "scope")) and text

    text = gateway.wait(counted, "count of refusals")
    assert "evergreen_gateway_keys_file_up" in text
    told = (
        text + gateway.log.read_text() + "".join(get(gateway, path, keys.all).text for path in ("/docs", "/health", "/models"))
    )
    for key in (keys.all, keys.narrow, keys.elsewhere, keys.slow):
        assert key.rpartition("_")[2] not in told


def test_the_file_is_followed_without_a_restart(gateway, keys):
    key, entry = keys.add("late")
    gateway.wait(lambda one: all(one.post(a_row(), headers=bearer(key)).ok for _ in range(6)), "entry for a new key", 10.0)
    revoke_key(keys.path, entry.id, datetime.now(UTC))
    gateway.wait(
        lambda one: {one.post(a_row(), headers=bearer(key)).status_code for _ in range(6)} == {401},
        "end of a revoked key",
        10.0,
    )


def test_a_broken_file_keeps_the_good_keys_and_health_says_so(gateway, keys):
    good = keys.path.read_bytes()
    keys.path.write_text('{"keys": [')
    try:
        gateway.wait(lambda one: get(one, "/health", keys.all).json()["status"] == "degraded", "degraded health", 10.0)
        shown = get(gateway, "/health", keys.all)
        if shown.json()["problems"]:  # of two workers one may still be a second behind
            assert "file of keys cannot be used" in shown.text
        assert str(keys.path) not in get(gateway, "/health").text
        assert gateway.post(a_row(), headers=bearer(keys.narrow)).ok
        assert gateway.post(a_row()).status_code == 401
        assert get(gateway, "/ready").ok
    finally:
        keys.path.write_bytes(good)
    gateway.wait(lambda one: {get(one, "/health").json()["status"] for _ in range(6)} == {"ok"}, "good health", 10.0)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_no_model_and_comes_back_as_text(gateway, keys, name):
    for path in (f"/models/{quote(name, safe='')}/predict", f"/models/{quote(name, safe='')}/invocations"):
        answer = gateway.post(a_row(), path, headers=bearer(keys.all))
        assert answer.status_code == 404
        assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/json", "nosniff")
        assert "root:" not in answer.text
        assert "49" not in answer.json()["error"]["found"]
    assert gateway.post(a_row(), f"/models/{name}/predict", headers=bearer(keys.narrow)).status_code in (401, 403, 404)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_a_value(gateway, keys, value):
    answer = gateway.post(a_row(id=value, carrier=value, origin=value), headers=bearer(keys.all))
    assert answer.json()["predictions"][0]["key"] == value
    assert answer.headers["content-type"] == "application/json"
    for path in ("/docs", "/metrics", "/models", "/openapi.json"):
        assert value not in get(gateway, path, keys.all).text


def started(tmp_path, *options, **settings):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "EVERGREEN"))}
    own = {"EVERGREEN_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT_ROOT / "include"), **settings}
    command = [sys.executable, "-c", "from evergreen.cli.main import run; run()", "serve", "--port", str(free_port()), *options]
    return subprocess.run(command, env={**outside, **own}, capture_output=True, text=True, timeout=60, check=False)


def test_a_named_file_that_is_missing_stops_the_start(tmp_path):
    done = started(tmp_path, EVERGREEN_GATEWAY_KEYS_FILE=str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert "file of keys cannot be used" in done.stderr
    assert all(part in done.stderr for part in ("found:", "allowed:", "do:"))


def test_beyond_loopback_it_wants_keys(tmp_path):
    done = started(tmp_path, "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "would be open to the network" in done.stderr
    assert "EVERGREEN_GATEWAY_KEYS_FILE" in done.stderr
