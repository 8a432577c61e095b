"""Challengers under canary, through a real gateway and the real decision: bad ones, and whether good ones get through.

Run with `make bench`. A client asks without pause while each step is begun, looked at twice a second and concluded, as the
training's tasks do. Printed: what came of it, after how many requests and seconds, and what callers got.

`EVERGREEN_BENCH_GOOD` says how many good challengers are tried, one after the other on one gateway; default 20.
"""

import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
import requests

from bad_challengers import CONSTANT, NO_NUMBER, SHUFFLED, slower
from evergreen.definitions import load_definition
from evergreen.files import Files
from evergreen.registry.releases import ReleaseRegistry
from evergreen.serving.log.shipping import ship_spool
from evergreen.stages.rollout import conclude, look
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from released_models import MODEL
from served_model import FREE, ServedModel, a_row, running_gateway

pytestmark = pytest.mark.timeout(3600)
SHARES = (0.05, 0.25, 1.0)
STEPS = [{"share": share, "hold": "3s", "min_requests": 100} for share in SHARES]
GOOD = int(os.environ.get("EVERGREEN_BENCH_GOOD", "20"))
LIMIT_SECONDS = 300.0
ONE_AIRLINE = "one airline"
SOUND = FREE.replace('"RAISE"', '"nobody"')
"""Plain pandas that raises for nobody."""
RAISES = {"source": FREE.replace('"RAISE"', repr(ONE_AIRLINE))}
BAD = {
    "shuffled labels": ({}, SHUFFLED),
    "no number": ({}, NO_NUMBER),
    "constant": ({}, CONSTANT),
    "ten times slower": ({"source": SOUND}, slower(0.06)),
    "raises for one airline": ({"source": SOUND}, RAISES),
}
"""The champion's and the challenger's making. Of the flights asked about one in twenty is of the one airline."""


class Callers:
    """Ask without pause, in threads; every answer is looked at."""

    def __init__(self, url, threads=4):
        self.url, self.statuses, self.releases, self.wrong = url, Counter(), Counter(), []
        self._stop = threading.Event()
        self._numbers = iter(range(10**9))
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        session = requests.Session()
        while not self._stop.is_set():
            number = next(self._numbers)
            changes = {"carrier": ONE_AIRLINE} if number % 20 == 7 else {}
            answer = session.post(f"{self.url}/models/{MODEL}/predict", json=a_row(number, **changes), timeout=30)
            self.statuses[answer.status_code] += 1
            if answer.status_code != 200:
                self.wrong.append(answer.text[:300])
                continue
            value = answer.json()
            self.releases[value["release_version"]] += 1
            probability = value["predictions"][0]["probability"]
            if not 0 <= probability <= 1:
                self.wrong.append(str(probability))


def served(folder):
    return ServedModel(folder, release={"rollout": "canary", "trial": {"steps": STEPS, "look_every": "1s"}})


def try_out(model, challenger):
    """Take a challenger through its steps; return the last look and the seconds it all took."""
    definition = load_definition(model.settings.definitions_dir / MODEL)
    began = time.monotonic()
    for step in range(1, len(SHARES) + 1):
        model.try_out(challenger, step=step, shares=SHARES)
        while True:
            found = look(definition, challenger.decision_id, step, model.settings, now=datetime.now(UTC))
            if found.outcome != "wait":
                break
            assert time.monotonic() - began < LIMIT_SECONDS, found.reasons
            time.sleep(0.5)
        found = conclude(definition, found, model.settings, actor="bench")
        if found.outcome != "pass":
            return found, time.monotonic() - began
    model.promote(challenger)
    return found, time.monotonic() - began


def asked_of(model, challenger):
    """Return what came of the requests that a challenger was asked, by role, once the gateway has ended."""
    ship_spool(model.settings)
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    version = table.version()
    rows = table.read(version, list(table.rows_by_day(version)), ["role", "rollout_id"]).to_pylist()
    return Counter(row["role"] for row in rows if row["rollout_id"] == challenger.decision_id)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_challenger_is_taken_back(kind, tmp_path, capsys):
    champion, making = BAD[kind]
    model = served(tmp_path)
    model.publish(model.release(**champion))
    challenger = model.challenger(**making)
    model.publish(challenger)
    with running_gateway(model.settings) as gateway:
        with Callers(gateway.url) as callers:
            found, seconds = try_out(model, challenger)
            gateway.wait(lambda g: g.get(f"/models/{MODEL}").json()["rollout"] is None, "end of the trial", 10)
        asked = asked_of(model, challenger)
    with capsys.disabled():
        print(
            f"\n{kind:24} {found.outcome} in step {found.step} after {sum(asked.values())} requests to it ({dict(asked)}) "
            f"of {sum(callers.statuses.values())}, {seconds:.0f} s; client errors {len(callers.wrong)}\n    {found.reasons[0]}"
        )
    assert found.outcome == "roll_back"
    assert callers.wrong == []
    assert set(callers.statuses) == {200}
    assert ReleaseRegistry(model.settings).champion(MODEL).version == "1"


def test_good_challengers_become_champions(tmp_path, capsys):
    model = served(tmp_path)
    model.publish(model.release())
    promoted, seconds = 0, []
    with running_gateway(model.settings) as gateway, Callers(gateway.url) as callers:
        for _ in range(GOOD):
            challenger = model.challenger()
            model.publish(challenger)
            found, took = try_out(model, challenger)
            promoted += found.outcome == "pass"
            seconds.append(took)
            with capsys.disabled():
                print(f"\nversion {challenger.version}: {found.outcome} after {took:.0f} s. {found.reasons[0]}", end="")
    with capsys.disabled():
        print(
            f"\n{promoted} of {GOOD} good challengers promoted, {sum(seconds) / len(seconds):.0f} s each; "
            f"{sum(callers.statuses.values())} requests, client errors {len(callers.wrong)}"
        )
    assert callers.wrong == []
    assert promoted >= 0.95 * GOOD
