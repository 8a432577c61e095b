"""What keeping an answer costs a request: microseconds per answer, and what a second of syncing does to the slowest.

Run it with `pytest -s tests/benchmarks/bench_answer_log.py`. The answers are like the flights': nine fields, 35 features.
"""

import os
import statistics
import time
from datetime import UTC, datetime

import pytest

from evergreen.definitions.serving import Serving
from evergreen.serving.log import AnswerSpool
from evergreen.serving.log.frames import answers_frame, read_frames
from logged_answers import MODEL, a_release, an_answer

ANSWERS = 20_000
RELEASE = a_release(numeric=tuple(f"number_{place}" for place in range(30)), categorical=tuple("abcde"))
FEATURES = [place + 0.1 for place in range(30)] + ["AA", "EWR", "LAX", None, "6"]
INPUTS = {
    "flight_id": "2013-04-02-AA-15-EWR",
    "scheduled_departure": datetime(2013, 4, 2, 12, tzinfo=UTC),
    "scheduled_arrival_local": 1510,
    "carrier": "AA",
    "flight": 15,
    "tailnum": "N12345",
    "origin": "EWR",
    "dest": "LAX",
    "distance": 2454,
}
PERSONAL = Serving.model_validate({"personal": {"drop": ["flight"], "hash": ["tailnum"]}})


def batches(size):
    answers = [an_answer(number, inputs=INPUTS, features=FEATURES, key=f"flight-{number}") for number in range(ANSWERS)]
    return [answers[place : place + size] for place in range(0, ANSWERS, size)]


def microseconds_each(call, loads):
    spent = []
    for load in loads:
        started = time.perf_counter()
        call(load)
        spent.append((time.perf_counter() - started) / len(load) * 1e6)
    return spent


def show(name, spent):
    cuts = statistics.quantiles(spent, n=1000)
    print(f"{name:<34} p50 {cuts[499]:6.2f}  p99 {cuts[989]:7.2f}  p99.9 {cuts[998]:8.2f}  max {max(spent):9.1f} us an answer")


@pytest.mark.parametrize("size", [1, 8, 32])
def test_writing(tmp_path, size):
    loads = batches(size)
    print(f"\nbatches of {size}, {len(answers_frame(loads[0])) / size:,.0f} bytes an answer")
    show("encode alone", microseconds_each(answers_frame, loads))
    for name, serving in (("write", Serving()), ("write, two personal fields", PERSONAL)):
        spool = AnswerSpool(tmp_path / name, limit_bytes=2**30, hash_key="secret")
        spool.open_log(MODEL, serving)
        spool.announce(MODEL, RELEASE)
        spool.start(1.0)
        spent = microseconds_each(lambda load, spool=spool: spool.write(MODEL, load), loads)
        spool.close()
        show(name, spent)
        assert spool.state().kept == ANSWERS
    paths = sorted((tmp_path / "write").glob("*/*/*.closed"))
    assert sum(len(read_frames(path.read_bytes()).answers) for path in paths) == ANSWERS


def test_waiting_for_the_disk_instead(tmp_path):
    """What it would cost to lose nothing at a power failure: a sync before every answer."""
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_and_sync(load):
        os.write(fd, answers_frame(load))
        os.fdatasync(fd)

    print()
    show("encode, write and sync each", microseconds_each(write_and_sync, batches(1)[:1000]))
    os.close(fd)
