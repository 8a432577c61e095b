"""Releases swapped under load: no request fails, each answer names a release that was live, and the log holds every answer.

Run with `make bench`. `EVERGREEN_BENCH_REQUESTS` and `EVERGREEN_BENCH_SWAPS` say how many of each; default 100,000 and 20.
"""

import http.client
import json
import os
import threading
import time
from collections import Counter
from contextlib import closing
from itertools import pairwise
from statistics import quantiles

import pytest

from evergreen.files import Files
from evergreen.serving.log.shipping import ship_spool
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from released_models import MODEL
from served_model import ServedModel, a_row, running_gateway

pytestmark = pytest.mark.timeout(3600)
REQUESTS = int(os.environ.get("EVERGREEN_BENCH_REQUESTS", "100000"))
SWAPS = int(os.environ.get("EVERGREEN_BENCH_SWAPS", "20"))
CALLERS = 8
FOLLOWED_WITHIN_SECONDS = 60.0


class Caller(threading.Thread):
    """Asks over one connection until its share of the requests is answered; keeps when each was asked and who answered."""

    def __init__(self, port, first, count):
        super().__init__()
        self.port, self.first, self.count = port, first, count
        self.answered, self.failures = [], []
        self.progress = 0

    def run(self):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            self._ask(connection)

    def _ask(self, connection):
        headers = {"content-type": "application/json"}
        for number in range(self.first, self.first + self.count):
            asked = time.monotonic()
            connection.request("POST", f"/models/{MODEL}/predict", json.dumps(a_row(number)), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                self.failures.append(body[:200])
                continue
            value = json.loads(body)
            self.answered.append((value["request_id"], value["release_version"], asked, time.monotonic()))
            self.progress += 1


def kept_answers(settings):
    ship_spool(settings)
    table = ServedTable(served_uri(settings, MODEL), Files())
    version = table.version()
    rows = table.read(version, list(table.rows_by_day(version)), ["request_id", "release_version", "role"]).to_pylist()
    return Counter((row["request_id"], row["release_version"]) for row in rows if row["role"] == "champion")


def test_releases_change_under_load_and_nobody_notices(tmp_path, capsys):
    model = ServedModel(tmp_path)
    model.publish(model.release())
    versions = [model.challenger() for _ in range(1)]
    with running_gateway(model.settings) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        callers = [Caller(port, n * REQUESTS, REQUESTS // CALLERS) for n in range(CALLERS)]
        began = time.monotonic()
        released, followed = {"1": began}, {}
        for caller in callers:
            caller.start()
        for swap in range(SWAPS):
            while sum(caller.progress for caller in callers) < REQUESTS * (swap + 1) / (SWAPS + 1):
                time.sleep(0.02)
            version = versions.pop()
            released[version.version] = time.monotonic()
            model.promote(version)
            gateway.wait_for_version(version.version)
            followed[version.version] = time.monotonic()
            versions.append(model.challenger())
        for caller in callers:
            caller.join()
        seconds = time.monotonic() - began
    answered = [one for caller in callers for one in caller.answered]
    failures = [one for caller in callers for one in caller.failures]
    kept = kept_answers(model.settings)
    order = sorted(released, key=int)
    ends = {now: released[later] + FOLLOWED_WITHIN_SECONDS for now, later in pairwise(order)}
    not_live = [one for one in answered if one[3] < released[one[1]] or one[2] > ends.get(one[1], one[2])]
    by_release = Counter(version for _, version, _, _ in answered)
    during = [(released[version], followed[version]) for version in followed]
    waited = {True: [], False: []}
    for _, _, asked, told in answered:
        waited[any(asked < end and told > start for start, end in during)].append(1000 * (told - asked))
    slowest = {swapping: quantiles(each, n=100) for swapping, each in waited.items()}
    with capsys.disabled():
        print(
            f"\n{len(answered):,} requests in {seconds:.0f} s ({len(answered) / seconds:,.0f} a second), {SWAPS} swaps: "
            f"{len(failures)} failed, {len(not_live)} answers of a release that was not live, {len(by_release)} releases "
            f"answered; the log holds {sum(kept.values()):,}, {len(kept):,} different\n"
            f"milliseconds, median and 99 of 100: {slowest[False][49]:.1f} and {slowest[False][98]:.1f}; while a release is "
            f"being loaded ({sum(end - start for start, end in during) / SWAPS:.1f} s each) {slowest[True][49]:.1f} and "
            f"{slowest[True][98]:.1f}"
        )
    assert failures == []
    assert not_live == []
    assert len(answered) == REQUESTS // CALLERS * CALLERS
    assert len(by_release) == SWAPS + 1
    assert kept == Counter((request_id, version) for request_id, version, _, _ in answered)
