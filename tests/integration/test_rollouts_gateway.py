"""A challenger on trial as callers meet it: a real gateway, real requests, and what is kept of both answers."""

from collections import Counter
from datetime import timedelta

import pytest

from bad_challengers import HANGS, NO_NUMBER, RAISES
from evergreen.files import Files
from evergreen.registry.rollouts import RolloutStore
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.split import place
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from released_models import MODEL
from served_model import QUICK, ServedModel, a_row, running_gateway


@pytest.fixture
def model(tmp_path):
    # Long enough for pandas on a busy machine, and not for what hangs.
    served = ServedModel(tmp_path, release={"rollout": "canary", "trial": {"limits": {"time_limit_ms": 1500}}})
    served.publish(served.release())
    return served


def on_trial(version, *, loaded=True, mode=None):
    def test(gateway):
        card = gateway.get(f"/models/{MODEL}").json()
        trial = card.get("rollout")
        return trial and trial["release_version"] == version and trial["is_loaded"] is loaded and mode in (None, trial["mode"])

    return test


def asked(gateway, numbers):
    """Ask one request each; return version by number."""
    found = {}
    for number in numbers:
        answer = gateway.post(a_row(number))
        assert answer.status_code == 200, answer.text
        assert 0 <= answer.json()["predictions"][0]["probability"] <= 1
        found[number] = answer.json()["release_version"]
    return found


def tried(gateway):
    """Requests that the challenger was asked so far."""
    lines = [
        line for line in gateway.get("/metrics").text.splitlines() if line.startswith("evergreen_gateway_trial_requests_total")
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def kept(settings):
    """Every record of a gateway that has ended."""
    ship_spool(settings)
    table = ServedTable(served_uri(settings, MODEL), Files())
    version = table.version()
    return table.read(version, list(table.rows_by_day(version)), list(table.columns(version))).to_pylist()


def test_a_canary_answers_its_callers_and_both_answers_are_kept(model):
    challenger = model.challenger()
    event = model.try_out(challenger, shares=(0.3, 1.0))
    numbers = range(60)
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        told = asked(gateway, numbers)
        assert set(told.values()) == {"1", "2"}
        theirs = {n for n in numbers if place(event.rollout_id, [f"flight-{n}"]) < 0.3}
        assert {n for n, version in told.items() if version == "2"} == theirs
        several = gateway.post({"rows": [a_row(n) for n in (min(theirs), 1000, 1001)]}).json()
        assert several["release_version"] == "2"
        metrics = gateway.get("/metrics").text
        assert 'evergreen_gateway_trial_share{model="flights",release="2",mode="canary"' in metrics
        assert f'outcome="canary",worker="{gateway.process.pid}"}} {len(theirs) + 1}' in metrics
        model.promote(challenger)
        gateway.wait_for_version("2")
        gateway.wait(lambda g: g.get(f"/models/{MODEL}").json()["rollout"] is None, "end of the trial", 5)
        assert set(asked(gateway, numbers).values()) == {"2"}
        assert gateway.log.read_text().count("few_rows") == 0
    rows = [row for row in kept(model.settings) if row["rollout_id"]]
    assert Counter(row["role"] for row in rows) == {"canary": len(theirs) + 3}
    for row in rows:
        assert (row["release_version"], row["bundle_digest"]) == ("2", challenger.bundle_digest)
        assert 0 < row["champion_probability"] < 1
        assert row["champion_decision"] is (row["champion_probability"] >= 0.4)
        assert row["compute_us"] > 0
        assert row["champion_compute_us"] > 0
        assert 50 < row["worker_mb"] < 4000
        assert row["number_distance"] is not None


def test_a_shadow_is_seen_by_nobody(model):
    model.try_out(model.challenger(), mode="shadow")
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2", mode="shadow"), "trial")
        assert set(asked(gateway, range(40)).values()) == {"1"}
    rows = kept(model.settings)
    assert Counter(row["role"] for row in rows) == {"champion": 40, "shadow": 40}
    champion = {row["request_id"]: row["probability"] for row in rows if row["role"] == "champion"}
    assert all(row["champion_probability"] == champion[row["request_id"]] for row in rows if row["role"] == "shadow")


@pytest.mark.parametrize("mode", ["canary", "shadow"])
@pytest.mark.parametrize(
    ("options", "error", "failures"),
    [
        (RAISES, "`row_features` raised KeyError", 10),
        (NO_NUMBER, "nan is no probability", 40),
        (HANGS, "no answer within 1500 ms", 40),
    ],
    ids=["raises-for-one-carrier", "no-number", "hangs"],
)
def test_callers_of_a_bad_challenger_get_the_champions_answer(model, mode, options, error, failures):
    challenger = model.challenger(**options)
    model.publish(challenger)
    model.try_out(challenger, mode=mode)
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        told = asked(gateway, range(40))
        good = set() if mode == "shadow" else {n for n in told if failures == 10 and a_row(n)["carrier"] != "ü&"}
        assert {n for n, version in told.items() if version == "2"} == good
        if failures == 40 and mode == "canary":
            assert gateway.get(f"/models/{MODEL}").json()["rollout"]["is_stopped"]
        gateway.wait(lambda g: tried(g) == 40, "answers of the challenger")
    roles = Counter(row["role"] for row in kept(model.settings))
    given = {"champion": failures, "canary": 40 - failures} if mode == "canary" else {"champion": 40, "shadow": 40 - failures}
    assert roles == Counter({"failed": failures, **given})
    failed = [row for row in kept(model.settings) if row["role"] == "failed"]
    assert failed[0]["error"] == error
    assert all(row["row"] == 0 and row["probability"] != row["probability"] for row in failed)


def test_one_that_cannot_be_loaded_fails_every_request_and_harms_none(model):
    challenger = model.challenger(source=QUICK + "\n# needs inputs of its own\n")
    model.try_out(challenger)
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2", loaded=False), "trial")
        assert gateway.get("/health").json()["status"] == "degraded"
        assert set(asked(gateway, range(10)).values()) == {"1"}
        model.publish(challenger)
        gateway.wait(on_trial("2"), "trial", 30)
        assert set(asked(gateway, range(10)).values()) == {"2"}
    roles = Counter(row["role"] for row in kept(model.settings))
    assert roles == {"champion": 10, "failed": 10, "canary": 10}


def test_what_nobody_watches_any_more_ends(model):
    challenger = model.challenger()
    model.try_out(challenger, lasts=timedelta(seconds=8))
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        assert asked(gateway, [1]) == {1: "2"}
        gateway.wait(lambda g: g.get(f"/models/{MODEL}").json()["rollout"] is None, "end of the trial")
        assert asked(gateway, [1]) == {1: "1"}


def test_taking_it_back_reaches_every_caller_within_seconds(model):
    challenger = model.challenger()
    event = model.try_out(challenger, mode="blue_green")
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        assert set(asked(gateway, range(10)).values()) == {"2"}
        RolloutStore(model.settings.database_url).roll_back(MODEL, event.rollout_id, reasons=("test",), actor="test")
        gateway.wait(lambda g: g.get(f"/models/{MODEL}").json()["rollout"] is None, "end of the trial", 5)
        assert set(asked(gateway, range(10)).values()) == {"1"}


def test_answers_of_a_trial_reach_the_table_within_seconds(model):
    model.try_out(model.challenger())
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        asked(gateway, range(5))
        gateway.wait(lambda _: table.version() is not None, "shipping", 20)


def test_a_probe_is_no_evidence(model):
    model.try_out(model.challenger())
    with running_gateway(model.settings) as gateway:
        gateway.wait(on_trial("2"), "trial")
        answer = gateway.post(a_row(1), headers={"x-evergreen-probe": "1"})
        assert answer.json()["release_version"] == "1"
        asked(gateway, [1])
    assert Counter(row["role"] for row in kept(model.settings)) == {"canary": 1}
