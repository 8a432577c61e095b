"""SIGKILL of a whole gateway under load: every answer that a caller got is in the table exactly once."""

import random
import threading
import time
from collections import Counter
from itertools import count

import pytest
import requests

from evergreen.files import Files
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from served_model import MODEL, ServedModel, a_row, running_gateway

KILLS = 5
"""Of a gateway that takes seconds to start; the promise was measured with 20."""
CALLERS = 4


def ask_until_it_dies(url, numbers, answered):
    """Ask about one or three rows at a time, and note whose answer came."""
    with requests.Session() as session:
        for number in numbers:
            keys = [f"key-{number}-{place}" for place in range(1 + 2 * (number % 2))]
            body = {"rows": [a_row(number, id=key) for key in keys]}
            try:
                answer = session.post(f"{url}/models/{MODEL}/predict", json=body, timeout=30)
            except requests.RequestException:
                return
            assert answer.ok, answer.text
            answered += [each["key"] for each in answer.json()["predictions"]]


def ship_everything(settings):
    """Ship until the spool is empty: the shipper of a gateway that was killed may be at it, until it sees that it is alone."""
    deadline = time.monotonic() + 60
    while any(spool_folder(settings).glob("*/*/*")):
        ship_spool(settings)
        assert time.monotonic() < deadline, "the spool does not get empty"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_answer_that_a_caller_got_is_in_the_table_once(tmp_path):
    model, chance, numbers, answered = ServedModel(tmp_path), random.Random(6), count(), []
    model.publish(model.release())
    for _ in range(KILLS):
        with running_gateway(model.settings) as gateway:
            callers = [
                threading.Thread(target=ask_until_it_dies, args=(gateway.url, numbers, answered)) for _ in range(CALLERS)
            ]
            for caller in callers:
                caller.start()
            callers[0].join(chance.uniform(0.2, 1.0))
            gateway.process.kill()
            for caller in callers:
                caller.join()
    ship_everything(model.settings)
    table = ServedTable(served_uri(model.settings, MODEL), Files())
    version = table.version()
    found = Counter(table.read(version, table.rows_by_day(version), ["_key"]).column("_key").to_pylist())
    missing = [key for key in answered if key not in found]
    untold = len(found) - len(answered) + len(missing)
    print(f"{KILLS} kills, {len(answered):,} answers that callers got, {len(missing)} missing, {untold} that nobody got")
    assert len(answered) > 10 * KILLS
    assert missing == []
    assert max(found.values()) == 1
    assert len(found) - len(answered) <= 3 * CALLERS * KILLS  # written, and the gateway died before they were sent
