"""SIGKILL of a process that acknowledges answers: every acknowledged one is in the table exactly once."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from evergreen.files import Files
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from evergreen.settings import Settings
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from logged_answers import MODEL

HERE = Path(__file__).parent
KILLS = 20
SHIPPER_KILLS = 8
APART = 10_000_000
"""Numbers of one process; more than it can write."""


def start(home, number, pause_seconds=0.0):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    arguments = (home, number * APART, 1 + number % 7, pause_seconds)
    command = [sys.executable, str(HERE / "answering_process.py"), *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def kill_later(process, seconds):
    """Read what is acknowledged, kill after so many seconds, and return the last acknowledged number."""
    first = process.stdout.readline()
    timer = threading.Timer(seconds, process.send_signal, [signal.SIGKILL])
    timer.start()
    rest = process.stdout.read()
    timer.join()
    assert process.wait() == -signal.SIGKILL
    whole = (first + rest).rpartition(b"\n")[0]
    return int(whole.rpartition(b"\n")[2])


def served_keys(settings):
    table = ServedTable(served_uri(settings, MODEL), Files())
    version = table.version()
    return Counter(table.read(version, table.rows_by_day(version), ["_key"]).column("_key").to_pylist())


@pytest.mark.slow
def test_every_acknowledged_answer_is_in_the_table_once(tmp_path):
    settings, chance = Settings(home=tmp_path), random.Random(4)
    promised, shipping = [], threading.Event()

    def ship_all_the_time():
        while not shipping.is_set():
            ship_spool(settings)

    shipper = threading.Thread(target=ship_all_the_time)
    shipper.start()
    try:
        for number in range(KILLS):
            last = kill_later(start(tmp_path, number), chance.uniform(0.0, 0.5))
            promised.append(range(number * APART, last))
    finally:
        shipping.set()
        shipper.join()
    done = ship_spool(settings)
    assert done.failures == done.damaged == []
    found = served_keys(settings)
    wanted = [f"row-{number}" for numbers in promised for number in numbers]
    missing = [key for key in wanted if key not in found]
    untold = len(found) - len(wanted) + len(missing)
    print(f"{KILLS} kills, {len(wanted):,} acknowledged answers, {len(missing)} missing, {untold} more that nobody was told of")
    assert len(wanted) > 1000
    assert missing == []
    assert max(found.values()) == 1
    # A batch that was written in the moment of the kill may be there without having been acknowledged; it is one per kill.
    assert len(found) - len(wanted) <= KILLS * 7
    assert list(spool_folder(settings).glob("*/*/*")) == []


@pytest.mark.slow
def test_a_shipper_that_is_killed_delivers_nothing_twice(tmp_path):
    settings, chance = Settings(home=tmp_path), random.Random(5)
    environment = {**os.environ, "EVERGREEN_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "evergreen.serving.log.shipper", "--every", "0"]
    writer = start(tmp_path, 0, pause_seconds=0.002)
    acknowledged = []
    reader = threading.Thread(target=lambda: acknowledged.append(writer.stdout.read()))
    reader.start()
    try:
        for _ in range(SHIPPER_KILLS):
            shipper = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
            shipper.stderr.readline()  # it has shipped once
            drain = threading.Thread(target=shipper.stderr.read)
            drain.start()
            drain.join(chance.uniform(0.0, 0.6))
            shipper.kill()
            drain.join()
            shipper.wait()
    finally:
        writer.kill()
        writer.wait()
        reader.join()
    last = int(acknowledged[0].rpartition(b"\n")[0].rpartition(b"\n")[2])
    assert ship_spool(settings).failures == []
    found = served_keys(settings)
    missing = [number for number in range(last) if f"row-{number}" not in found]
    print(f"{SHIPPER_KILLS} kills of the shipper, {last:,} acknowledged answers, {len(missing)} missing")
    assert missing == []
    assert max(found.values()) == 1
    assert len(found) - last <= 1
    assert list(spool_folder(settings).glob("*/*/*")) == []
