"""The gateway as callers meet it: a server of its own on loopback, real requests, releases that change meanwhile."""

import json
import math
import os
import signal
import threading
import time
from collections import Counter
from datetime import timedelta
from random import Random

import pytest
import requests

from evergreen.files import Files
from evergreen.serving.log import REFUSED
from evergreen.serving.log.frames import read_frames
from evergreen.serving.log.segment import CLOSED, OPEN
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from released_models import MODEL
from served_model import FREE, NIGHT, ServedModel, a_row, running_gateway

PREDICT, INVOKE = f"/models/{MODEL}/predict", f"/models/{MODEL}/invocations"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    model = ServedModel(tmp_path_factory.mktemp("served"), serving={"review": {"lowest": 0.3, "highest": 0.6}, "max_rows": 200})
    model.publish(model.release())
    return model


@pytest.fixture(scope="module")
def gateway(served):
    with running_gateway(served.settings) as running:
        yield running


@pytest.fixture
def model(tmp_path):
    return ServedModel(tmp_path)


def kept_answers(settings):
    """Every answer that was kept, once the gateway has ended: in the table, or in the spool where it was not shipped."""
    table = ServedTable(served_uri(settings, MODEL), Files())
    version = table.version()
    names = ["_key", "request_id", "row", "release_version", "inputs", "latency_us", "role"]
    rows = [] if version is None else table.read(version, list(table.rows_by_day(version)), names).to_pylist()
    paths = [path for path in spool_folder(settings).glob("*/*/*") if path.suffix in (OPEN, CLOSED)]
    left = [answer for path in paths for answer in read_frames(path.read_bytes()).answers]
    found = rows + [{"_key": one.key, **{name: getattr(one, name) for name in names[1:]}} for one in left]
    return [answer for answer in found if answer["role"] != REFUSED]


def metrics(gateway):
    found = {}
    for line in gateway.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_refused_requests_are_kept_as_counts(model):
    model.publish(model.release())
    with running_gateway(model.settings) as running:
        for body in (b"no json", b"{}", a_row(1, distance="far"), a_row(2)):
            running.post(body, headers=JSON)
        running.post(a_row(3), path="/models/another/predict")
    ship_spool(model.settings)
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    names = ["role", "error", "requests", "release_version"]
    rows = table.read(table.version(), list(table.rows_by_day()), names).to_pylist()
    counted = Counter()
    for row in rows:
        counted[row["role"], row["error"]] += row["requests"]
    assert counted == {("champion", ""): 1, ("refused", "not_json"): 1, ("refused", "fields"): 2}
    assert {row["release_version"] for row in rows} == {"1"}


# ---- answers


def test_one_row_is_answered(gateway):
    answer = gateway.post(a_row(1), headers={"x-request-id": "mine-1"})
    assert answer.status_code == 200
    value = answer.json()
    assert (value["model"], value["release_version"], value["request_id"]) == (MODEL, "1", "mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert value["features_as_of"] == "2013-04-01T07:00:00Z"
    (prediction,) = value["predictions"]
    assert prediction["key"] == "flight-1"
    assert 0 < prediction["probability"] < 1
    assert prediction["decision"] is (prediction["probability"] >= 0.4)
    assert prediction["review"] is (0.3 <= prediction["probability"] <= 0.6)


def test_many_rows_are_answered_as_each_alone(gateway):
    rows = [a_row(number, distance=None if number % 9 == 0 else 100 + number) for number in range(60)]
    together = gateway.post({"rows": rows}).json()["predictions"]
    alone = [gateway.post(row).json()["predictions"][0] for row in rows]
    assert together == alone
    assert len({prediction["probability"] for prediction in together}) >= 3


def test_features_are_those_of_pandas(gateway, served, tmp_path):
    """The quick engine and plain pandas code say the same of the same rows."""
    assert gateway.get(f"/models/{MODEL}").json()["feature_engine"] == "few_rows"
    rows = [a_row(number, carrier=None if number % 7 == 0 else a_row(number)["carrier"]) for number in range(40)]
    other = ServedModel(tmp_path)
    other.publish(other.release(source=FREE))
    with running_gateway(other.settings) as free:
        assert free.get(f"/models/{MODEL}").json()["feature_engine"] == "pandas"
        wanted = [p["probability"] for p in free.post({"rows": rows}).json()["predictions"]]
    assert [p["probability"] for p in gateway.post({"rows": rows}).json()["predictions"]] == wanted


def test_joined_columns_that_are_sent_win(gateway):
    base = [gateway.post(a_row(2)).json()["predictions"][0]["probability"]]
    sent = [gateway.post(a_row(2, temp=temp)).json()["predictions"][0]["probability"] for temp in (-20.0, 120.0, None)]
    assert len({*base, *sent}) >= 3
    mixed = gateway.post({"rows": [a_row(2), a_row(2, temp=-20.0), a_row(2)]}).json()["predictions"]
    assert [p["probability"] for p in mixed] == [base[0], sent[0], base[0]]


def test_answers_do_not_hang_on_the_clock_or_on_neighbours(gateway):
    first = gateway.post(a_row(3)).json()["predictions"]
    time.sleep(1.1)
    assert gateway.post(a_row(3)).json()["predictions"] == first


def test_what_is_answered_is_logged_once_and_probes_are_not(model):
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        ids = [gateway.post({"rows": [a_row(n), a_row(n + 1)]}).json()["request_id"] for n in range(10)]
        assert gateway.post(a_row(99), headers={"x-evergreen-probe": "1"}).ok
        assert gateway.post({"rows": [{}]}).status_code == 422
    found = kept_answers(model.settings)
    assert Counter((answer["request_id"], answer["row"]) for answer in found) == Counter(
        (i, row) for i in ids for row in (0, 1)
    )
    assert {answer["_key"] for answer in found} == {f"flight-{n}" for n in range(11)}
    assert all(answer["latency_us"] > 0 for answer in found)


# ---- what is refused


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/flight/predict", 404),
        ("/models/flight/invocations", 404),
        ("/models//predict", 404),
        ("/models/../predict", 404),
        ("/models/%00/predict", 404),
        ("/models/flights/predict/more", 404),
        ("/nothing", 404),
    ],
)
def test_unknown_addresses_and_models(gateway, path, status):
    answer = gateway.post(a_row(), path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert all(error[part] for part in ("what", "found", "allowed", "remedy"))


def test_a_misspelt_model_gets_a_hint(gateway):
    assert "flights" in gateway.post(a_row(), "/models/flihgts/predict").json()["error"]["remedy"]


@pytest.mark.parametrize(("method", "path"), [("GET", PREDICT), ("PUT", PREDICT), ("DELETE", INVOKE), ("POST", "/health")])
def test_wrong_methods(gateway, method, path):
    answer = requests.request(method, gateway.url + path, json={}, timeout=10)
    assert answer.status_code == 405
    assert answer.headers["allow"] in ("POST", "GET, HEAD")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_wrong_content_types(gateway, headers):
    answer = gateway.post(json.dumps(a_row()).encode(), headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_name(gateway, kind):
    assert gateway.post(json.dumps(a_row()).encode(), headers={"content-type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"distance": NaN}', 400),
        (b'{"distance": Infinity}', 400),
        (b"\xff\xfe\x00", 400),
        (b"[" * 1_000_000, 400),
        (b'{"rows": [' + b'{"a": ' * 500_000, 400),
        (b'{"rows": []}', 422),
        (b"[]", 422),
        (b'"text"', 422),
        (json.dumps({**a_row(), "distance": "far"}).encode(), 422),
        (json.dumps({**a_row(), "distance": 1e308 * 10}).encode(), 400),
        (json.dumps({**a_row(), "at": "2013-04-01T12:00:00"}).encode(), 422),
        (json.dumps({**a_row(), "at": "0001-01-01T00:00:00+14:00"}).encode(), 422),
        (json.dumps({**a_row(), "hour": 10**30}).encode(), 422),
        (json.dumps({**a_row(), "id": None}).encode(), 422),
        (json.dumps({**a_row(), "carier": "AA"}).encode(), 422),
        (json.dumps({"rows": [a_row()] * 201}).encode(), 413),
        (b'{"rows": "' + b"a" * (17 * 2**20) + b'"}', 413),
    ],
)
@pytest.mark.parametrize("path", [PREDICT, INVOKE])
def test_bad_bodies_get_a_clear_no(gateway, data, status, path):
    answer = gateway.post(data, path, headers=JSON)
    if path == PREDICT:
        assert answer.status_code == status
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert all(error[part] for part in ("what", "found", "allowed", "remedy"))
    assert len(answer.content) < 20_000


def test_a_wrong_field_is_named_with_its_row(gateway):
    answer = gateway.post({"rows": [a_row(), a_row(1, distance="far", hour=1.5)]}).json()
    assert {(f["row"], f["field"]) for f in answer["error"]["fields"]} == {(1, "distance"), (1, "hour")}


def test_an_oversized_stream_without_a_length_is_refused(gateway):
    def chunks():
        for _ in range(20):
            yield b" " * 2**20

    answer = requests.post(gateway.url + PREDICT, data=chunks(), headers=JSON, timeout=60)
    assert answer.status_code == 413


def test_extreme_values_are_answered_or_refused_but_never_a_fault(gateway):
    for changes in (
        {"distance": 1e308},
        {"distance": -0.0},
        {"distance": 5e-324},
        {"hour": 2**62},
        {"hour": -(2**63)},
        {"carrier": "\u0000"},
        {"carrier": "x" * 100_000},
        {"carrier": "🛫"},
        {"origin": None},
        {"id": ""},
        {"at": "1900-01-01T00:00:00Z"},
        {"at": "2199-12-31T23:59:59.999999Z"},
        {"at": "2013-04-01T12:00:00.1234567-11:30"},
    ):
        assert gateway.post(a_row(5, **changes)).status_code in (200, 422), changes


ODD = [
    None, True, 0, -1, 1.5, 1e308, -1e-320, 2**63, 10**40, "", "x" * 5000, "\u0000", "NaN", "2013-04-01T12:00:00Z", "2013",
    [], [[]], {}, {"a": {"b": []}}, "\ud83d\udeeb", "1e5", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59",
]  # fmt: skip


def test_requests_made_from_the_openapi_document_find_no_fault(gateway):
    """Examples of the document, changed at random in every way JSON allows: an answer or a clear no, never a fault."""
    random = Random(4)
    document = gateway.get("/openapi.json").json()
    session, statuses = requests.Session(), Counter()
    for _ in range(400):
        path = random.choice([PREDICT, INVOKE])
        examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        value = json.loads(json.dumps(random.choice(list(examples.values()))["value"]))
        for _ in range(random.randrange(4)):
            value = changed(random, value)
        body = json.dumps(value).encode()
        if random.random() < 0.2:
            place = random.randrange(len(body) + 1)
            body = body[:place] + random.randbytes(random.randrange(4)) + body[place + random.randrange(3) :]
        answer = session.post(gateway.url + path, data=body, headers=JSON, timeout=30)
        statuses[answer.status_code] += 1
        assert answer.status_code in (200, 400, 413, 422), (body, answer.text)
        assert "predictions" in answer.json() or answer.json()["error"]["remedy"]
    assert statuses[200] > 20
    assert statuses[422] > 100


def changed(random, value):
    """Return a JSON value with something in it replaced, doubled, left out or added."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        name = random.choice(list(value))
        how = random.random()
        if how < 0.15:
            return {key: part for key, part in value.items() if key != name}
        if how < 0.3:
            return {**value, random.choice(["temp", "x", name.upper(), ""]): random.choice(ODD)}
        return {**value, name: changed(random, value[name])}
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        how = random.random()
        if how < 0.1:
            return value * 40
        if how < 0.2:
            return value[:place] + value[place + 1 :]
        return [*value[:place], changed(random, value[place]), *value[place + 1 :]]
    return random.choice(ODD)


def test_feature_code_that_raises_is_a_no_to_its_rows_alone(model):
    model.publish(model.release(source=FREE))
    with running_gateway(model.settings) as gateway:
        answer = gateway.post(a_row(carrier="RAISE"))
        assert answer.status_code == 422
        assert "row_features" in answer.json()["error"]["what"]
        statuses = Counter()

        def ask(number):
            row = a_row(number, **({"carrier": "RAISE"} if number % 5 == 0 else {}))
            statuses[number % 5 == 0, gateway.post(row).status_code] += 1

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == {(True, 422): 4, (False, 200): 16}


# ---- MLflow's protocol


@pytest.mark.parametrize("name", ["dataframe_split", "dataframe_records", "instances", "inputs"])
def test_mlflows_formats_say_what_predict_says(gateway, name):
    rows = [a_row(number) for number in range(3)]
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    body = {name: {"dataframe_split": split, "inputs": columns}.get(name, rows)}
    wanted = gateway.post({"rows": rows}).json()["predictions"]
    assert gateway.post(body, INVOKE).json() == {"predictions": wanted}
    assert gateway.post(body, "/invocations").json() == {"predictions": wanted}


def test_mlflows_own_client(gateway):
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = gateway.url.removeprefix("http://").split(":")
    client = ScoringServerClient(host, port)
    client.wait_server_ready(timeout=10)
    rows = [a_row(number) for number in range(4)]
    frame = pd.DataFrame(rows)
    frame.loc[1, "distance"] = math.nan
    frame.loc[2, "hour"] = None
    answer = client.invoke(frame).get_predictions()
    wanted = gateway.post({"rows": [rows[0], {**rows[1], "distance": None}, {**rows[2], "hour": None}, rows[3]]}).json()
    assert answer["probability"].tolist() == [p["probability"] for p in wanted["predictions"]]


# ---- pages


def test_metrics_are_prometheus_text(gateway):
    before = metrics(gateway)
    gateway.post({"rows": [a_row(n) for n in range(7)]})
    gateway.post({"rows": [{}]})
    after = metrics(gateway)
    worker = f'worker="{gateway.process.pid}"'
    release = f'model="{MODEL}",release="1",{worker}'

    def grown(name):
        return after[name] - before.get(name, 0)

    assert grown(f"evergreen_gateway_rows_total{{{release}}}") == 7
    assert grown(f'evergreen_gateway_requests_total{{model="{MODEL}",status="200",{worker}}}') == 1
    assert grown(f'evergreen_gateway_errors_total{{model="{MODEL}",kind="fields",{worker}}}') == 1
    assert grown(f"evergreen_gateway_latency_seconds_count{{{release}}}") == 1
    bucket = f'evergreen_gateway_latency_seconds_bucket{{model="{MODEL}",release="1",le="+Inf",{worker}}}'
    assert after[bucket] == after[f"evergreen_gateway_latency_seconds_count{{{release}}}"]
    assert after[f"evergreen_gateway_resident_memory_bytes{{{worker}}}"] > 50e6
    assert after[f"evergreen_gateway_feature_age_seconds{{{release}}}"] >= 0
    assert after[f"evergreen_gateway_registry_up{{{worker}}}"] == 1


def test_the_openapi_document_is_valid_and_its_examples_are_accepted(gateway):
    from openapi_spec_validator import validate

    document = gateway.get("/openapi.json").json()
    validate(document)
    for path in (PREDICT, INVOKE):
        examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        for example in examples.values():
            assert gateway.post(example["value"], path).status_code == 200


def test_answers_fit_the_openapi_document(gateway):
    from jsonschema import Draft202012Validator

    document = gateway.get("/openapi.json").json()

    def check(value, name):
        Draft202012Validator({**document, "$ref": f"#/components/schemas/{name}"}).validate(value)

    check(gateway.post(a_row()).json(), "PredictResponse")
    check(gateway.post({"instances": [a_row()]}, INVOKE).json(), "InvocationsResponse")
    check(gateway.post({"rows": [{"id": 5}]}).json(), "Refusal")
    check(gateway.post(a_row(), "/nothing").json(), "Refusal")


def test_pages_for_people_and_programs(gateway):
    assert gateway.get("/health").json() == {"status": "ok", "ready": True, "problems": []}
    assert gateway.get("/ready").ok
    assert gateway.get("/ping").ok
    (card,) = gateway.get("/models").json()["models"]
    assert card == {**gateway.get(f"/models/{MODEL}").json(), "feature_age_seconds": card["feature_age_seconds"]}
    page = gateway.get("/docs").text
    assert "flight-" in page or "example" in page
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert requests.head(gateway.url + "/health", timeout=10).content == b""


# ---- releases that change


def test_releases_change_under_load_without_a_failed_request(model):
    """Each answer names a release that was live between the request and its answer, and the log holds each once."""
    first = model.release()
    model.publish(first)
    answers, failures, stop = [], [], threading.Event()
    with running_gateway(model.settings) as gateway:

        def ask(name):
            session = requests.Session()
            number = 0
            while not stop.is_set():
                number += 1
                asked = time.monotonic()
                try:
                    answer = session.post(
                        gateway.url + PREDICT, json=a_row(number), headers={"x-request-id": f"{name}-{number}"}, timeout=30
                    )
                    if answer.status_code == 200:
                        value = answer.json()
                        answers.append((asked, time.monotonic(), value["release_version"], value["request_id"]))
                    else:
                        failures.append(answer.text)
                except requests.RequestException as error:
                    failures.append(str(error))

        threads = [threading.Thread(target=ask, args=(f"thread{n}",)) for n in range(4)]
        begun, ended = {"1": time.monotonic()}, {}
        for thread in threads:
            thread.start()
        for version in ("2", "3", "4", "5"):
            begun[version] = time.monotonic()
            model.release(source=FREE if version == "3" else model_source(version))
            model.publish(model_version(model, version))
            gateway.wait_for_version(version)
            ended[str(int(version) - 1)] = time.monotonic()
            time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join()
    kept = kept_answers(model.settings)
    assert failures == []
    assert {version for _, _, version, _ in answers} == {"1", "2", "3", "4", "5"}
    for asked, answered, version, _ in answers:
        assert answered >= begun[version]
        assert asked <= ended.get(version, math.inf)
    assert Counter(answer["request_id"] for answer in kept) == Counter(request_id for *_, request_id in answers)
    named = {request_id: version for _, _, version, request_id in answers}
    assert {answer["request_id"]: answer["release_version"] for answer in kept} == named


def model_source(version):
    from served_model import QUICK

    return QUICK + f"# {version}\n"


def model_version(model, version):
    from evergreen.registry.releases import ReleaseRegistry
    from released_models import Nowhere

    return ReleaseRegistry(model.settings, mirror=Nowhere()).version(MODEL, version)


def test_a_night_of_online_inputs_is_taken_up(model):
    champion = model.release()
    model.publish(champion)
    with running_gateway(model.settings) as gateway:
        before = gateway.post(a_row(4)).json()
        later = NIGHT + timedelta(days=1)
        model.publish(champion, night=later, warmth=30.0)
        gateway.wait(lambda g: g.get(f"/models/{MODEL}").json()["features_as_of"].startswith("2013-04-02"), "the next night")
        after = gateway.post(a_row(4)).json()
    assert (before["features_as_of"], after["features_as_of"]) == ("2013-04-01T07:00:00Z", "2013-04-02T07:00:00Z")
    assert before["release_version"] == after["release_version"]
    assert before["predictions"] != after["predictions"]


def test_a_rollback_is_followed(model):
    first = model.release()
    model.publish(first)
    with running_gateway(model.settings) as gateway:
        one = gateway.post(a_row(6)).json()["predictions"]
        model.publish(model.release("logistic_regression"))
        gateway.wait_for_version("2")
        assert gateway.post(a_row(6)).json()["predictions"] != one
        model.roll_back("1")
        gateway.wait_for_version("1")
        assert gateway.post(a_row(6)).json()["predictions"] == one


def test_a_changed_bundle_is_refused_and_the_old_release_goes_on(model):
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        bad = model.release("logistic_regression", source=model_source("bad"))
        path = model.settings.home / "artifacts"
        (changed,) = [p for p in path.rglob("model.json") if bad.bundle_digest in str(p)]
        changed.write_bytes(changed.read_bytes().replace(b"0", b"1", 1))
        model.publish(bad)
        health = gateway.wait(lambda g: g.get("/health").json()["problems"], "a problem")
        assert "not the one that was decided on" in health[0]["what"]
        assert gateway.get("/health").json()["status"] == "degraded"
        assert gateway.get("/ready").ok
        assert gateway.post(a_row()).json()["release_version"] == "1"


def test_it_starts_before_the_first_release_and_serves_it_when_it_comes(model):
    with running_gateway(model.settings, is_ready=False) as gateway:
        assert gateway.get("/ready").status_code == 503
        assert gateway.post(a_row()).status_code in (404, 503)
        assert gateway.get("/docs").ok
        champion = model.release()
        gateway.wait(lambda g: any("online inputs" in p["what"] for p in g.get("/health").json()["problems"]), "a problem")
        assert gateway.post(a_row()).status_code == 503
        model.publish(champion)
        gateway.wait_for_version("1")
        assert gateway.post(a_row()).ok
        assert gateway.get("/health").json()["status"] == "ok"


def test_it_restarts_from_its_cache_while_database_and_artifacts_are_away(model):
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        before = gateway.post(a_row(8)).json()
    home = model.settings.home
    for path in (*home.glob("evergreen.db*"), home / "artifacts"):
        path.rename(path.with_name(f"away-{path.name}"))
    with running_gateway(model.settings) as gateway:
        health = gateway.get("/health").json()
        assert health["status"] == "degraded"
        assert "no database" in health["problems"][0]["what"]
        after = gateway.post(a_row(8)).json()
        assert after["predictions"] == before["predictions"]
        assert after["bundle_digest"] == before["bundle_digest"]
        for path in home.glob("away-*"):
            path.rename(path.with_name(path.name.removeprefix("away-")))
        gateway.wait(lambda g: g.get("/health").json()["status"] == "ok", "health")


def test_a_definition_that_changes_is_followed(model):
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        assert gateway.post(a_row()).json()["predictions"][0]["review"] is False
        model.write_definition({"review": {"lowest": 0.0, "highest": 1.0}, "max_rows": 1})
        gateway.wait(lambda g: g.post(a_row()).json()["predictions"][0]["review"], "a review")
        assert gateway.post({"rows": [a_row(), a_row(1)]}).status_code == 413


def test_features_that_are_too_old_degrade_health(model):
    model.write_definition({"max_feature_age": "1s"})
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        health = gateway.wait(lambda g: g.get("/health").json()["problems"], "a problem")
        assert health[0]["what"] == "the entity features are old"
        assert gateway.post(a_row()).ok


# ---- the end


def test_what_was_taken_is_answered_when_it_is_stopped(model):
    model.publish(model.release())
    with running_gateway(model.settings) as gateway:
        found = []

        def ask():
            try:
                found.append(gateway.post({"rows": [a_row(n) for n in range(500)]}).status_code)
            except requests.ConnectionError:
                found.append("not taken")

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        gateway.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert gateway.process.wait(120) == 0
    assert set(found) <= {200, "not taken"}
    assert len(kept_answers(model.settings)) == 500 * found.count(200)


def test_several_workers_share_a_port_and_one_scrape_hears_of_all(model):
    model.publish(model.release())
    with running_gateway(model.settings, options=("--workers", "2")) as gateway:

        def two_workers(running):
            names = {
                line.split('worker="')[1].split('"')[0]
                for line in running.get("/metrics").text.splitlines()
                if "worker=" in line
            }
            return names if len(names) == 2 else None

        workers = gateway.wait(two_workers, "second worker")
        assert all(os.path.exists(f"/proc/{pid}") for pid in workers)
        answers = [gateway.post(a_row(n)) for n in range(40)]
        assert {answer.status_code for answer in answers} == {200}
        ids = {answer.json()["request_id"] for answer in answers}
        assert len(ids) == 40
        os.kill(int(sorted(workers)[0]), signal.SIGKILL)
        gateway.wait(lambda g: g.post(a_row()).ok, "an answer")
    assert {answer["request_id"] for answer in kept_answers(model.settings)} >= ids
