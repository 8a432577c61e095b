"""The registry keeps its promises on both databases: SQLite and PostgreSQL."""

import glob
import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from evergreen.errors import PromotionConflictError, StoreUnavailableError
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import ChampionVersion, Outcome
from evergreen.settings import Settings

WRITERS = 8


class Nowhere:
    """Stands for MLflow where only the database is asked."""

    def holds(self, version: ChampionVersion) -> bool:
        return True

    def show(self, model: str, champion: str, previous: str | None) -> None: ...


def _binaries() -> str | None:
    beside = shutil.which("initdb")
    found = [*sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), *([os.path.dirname(beside)] if beside else [])]
    return found[0] if found else None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A server of our own on the loopback address, gone afterwards."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed here (apt install postgresql); CI has them")
    # The server refuses to run as root, and its user must be able to walk to the folder: pytest's own is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="evergreen-postgresql-"))
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_server:
        shutil.chown(folder, "postgres")
    port = _free_port()
    data = str(folder / "data")
    run = {"check": True, "capture_output": True, "cwd": folder, "timeout": 60}
    try:
        subprocess.run(
            [*as_server, f"{binaries}/initdb", "-D", data, "-U", "evergreen", "--auth=trust", "--no-sync", "-E", "UTF8"], **run
        )
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run(
            [*as_server, f"{binaries}/pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **run
        )
        yield f"postgresql+psycopg://evergreen@127.0.0.1:{port}/postgres"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            subprocess.run([*as_server, f"{binaries}/pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings whose database is empty."""
    if request.param == "sqlite":
        return Settings(home=tmp_path)
    url = make_url(request.getfixturevalue("postgresql"))
    name = f"evergreen_{os.urandom(4).hex()}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return Settings(home=tmp_path, database_url=url.set(database=name).render_as_string(hide_password=False))


def open_registry(settings: Settings) -> ReleaseRegistry:
    return ReleaseRegistry(settings, mirror=Nowhere())


def prepare(settings: Settings, number: int, against: str | None) -> str:
    """Decide for and register version `number`; return the decision."""
    record = DecisionStore(settings.database_url).record(
        DecisionRecord(
            model="flights",
            as_of=datetime(2013, 4, 1, 7, 0, 0, 123456, tzinfo=UTC),
            outcome=Outcome.PROMOTE,
            reasons=("bätter", "than the rest"),
            challenger_name="xgboost",
            challenger_digest=f"bundle-{number}",
            champion_version=against,
            champion_digest=None,
            holdout_digest="h",
            measurement_digest="m",
            gate_digest="g",
            measurement_uri="/m",
            report_uri="/r",
            mlflow_run_id="run",
        )
    )
    open_registry(settings).register(
        ChampionVersion(
            model="flights",
            version=str(number),
            bundle_uri="/bundle",
            bundle_digest=f"bundle-{number}",
            decision_id=record.id,
            mlflow_run_id="run",
            trained_through=datetime(2013, 3, 1, tzinfo=UTC),
            features_source_digest="s",
        )
    )
    return record.id


def _try_to_promote(settings: Settings, number: int, decision_id: str, against: str | None) -> str:
    try:
        open_registry(settings).promote("flights", str(number), decision_id, against)
    except PromotionConflictError:
        return "conflict"
    except Exception as error:
        return repr(error)
    return "won"


def _in_a_process(settings, number, decision_id, against, start, answers) -> None:
    start.wait()
    answers.put((number, _try_to_promote(settings, number, decision_id, against)))


def race_of_threads(settings: Settings, decisions: dict[int, str], against: str | None) -> dict[int, str]:
    start, said = threading.Barrier(len(decisions)), {}

    def run(number: int) -> None:
        start.wait()
        said[number] = _try_to_promote(settings, number, decisions[number], against)

    threads = [threading.Thread(target=run, args=(number,)) for number in decisions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def race_of_processes(settings: Settings, decisions: dict[int, str], against: str | None) -> dict[int, str]:
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(len(decisions)), context.Queue()
    processes = [
        context.Process(target=_in_a_process, args=(settings, number, decision_id, against, start, answers))
        for number, decision_id in decisions.items()
    ]
    for process in processes:
        process.start()
    try:
        return dict(answers.get(timeout=60) for _ in processes)
    except Empty:
        pytest.fail("a process did not answer")
    finally:
        for process in processes:
            process.join()


@pytest.mark.parametrize("race", [race_of_threads, race_of_processes])
def test_of_many_promotions_at_once_one_wins_each_generation(settings, race):
    champion = None
    for generation in range(1, 4):
        numbers = range(generation * 100, generation * 100 + WRITERS)
        decisions = {number: prepare(settings, number, champion) for number in numbers}
        said = race(settings, decisions, champion)
        assert sorted(said.values()) == ["conflict"] * (WRITERS - 1) + ["won"]
        winner = next(str(number) for number, answer in said.items() if answer == "won")
        newest = open_registry(settings).timeline("flights")[0]
        assert (newest.generation, newest.version, newest.previous_version) == (generation, winner, champion)
        assert open_registry(settings).champion("flights").version == winner
        champion = winner


def test_the_same_promotion_asked_many_times_at_once_moves_once(settings):
    decision_id = prepare(settings, 1, None)
    start, said = threading.Barrier(WRITERS), []

    def run() -> None:
        start.wait()
        said.append(_try_to_promote(settings, 1, decision_id, None))

    threads = [threading.Thread(target=run) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["won"] * WRITERS
    assert len(open_registry(settings).timeline("flights")) == 1


def test_rollbacks_of_the_same_champion_move_once(settings):
    for number, against in ((1, None), (2, "1")):
        open_registry(settings).promote("flights", str(number), prepare(settings, number, against), against)
    start, said = threading.Barrier(WRITERS), []

    def run() -> None:
        start.wait()
        try:
            said.append(open_registry(settings).rollback("flights", "why", expected_champion="2").version)
        except PromotionConflictError:
            said.append("conflict")

    threads = [threading.Thread(target=run) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["1"] + ["conflict"] * (WRITERS - 1)


def test_values_come_back_as_they_went_in(settings):
    decision_id = prepare(settings, 1, None)
    record = DecisionStore(settings.database_url).get(decision_id)
    assert record.as_of == datetime(2013, 4, 1, 7, 0, 0, 123456, tzinfo=UTC)
    assert record.reasons == ("bätter", "than the rest")
    assert open_registry(settings).version("flights", "1").trained_through == datetime(2013, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("table", ["evergreen_decisions", "evergreen_versions", "evergreen_releases"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET model = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_rewrite_history(settings, table, statement):
    open_registry(settings).promote("flights", "1", prepare(settings, 1, None), None)
    engine = create_engine(settings.database_url)
    if engine.dialect.name == "sqlite" and statement.startswith("TRUNCATE"):
        return  # SQLite has no such verb
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table)))
    engine.dispose()
    assert open_registry(settings).champion("flights").version == "1"


def test_no_answer_may_be_tried_again_and_tells_no_password(tmp_path):
    url = f"postgresql+psycopg://evergreen:secret@127.0.0.1:{_free_port()}/postgres?connect_timeout=2"
    with pytest.raises(StoreUnavailableError) as caught:
        DecisionStore(url).latest("flights")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
