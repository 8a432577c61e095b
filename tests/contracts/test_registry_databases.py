"""The registry keeps its promises on both databases: SQLite and PostgreSQL."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from queue import Empty

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from at_once import at_once
from evergreen.errors import PromotionConflictError, StoreUnavailableError
from evergreen.observation import Action, Cause, NightDecision, Severity
from evergreen.registry.alerts import AlertStore
from evergreen.registry.database import Database
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.erasures import Erasure, ErasureStep, ErasureStore
from evergreen.registry.nights import NightStore, decision_id
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.schema import APPEND_ONLY, SCHEMA_VERSION
from evergreen.results import ChampionVersion, Outcome
from evergreen.settings import Settings
from registry_schema_1 import POSTGRESQL, SQLITE
from rollout_world import Nowhere, RolloutWorld

WRITERS = 8


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


REGISTRY = ("evergreen_decisions", "evergreen_versions", "evergreen_releases")
MONITORING = ("evergreen_nights", "evergreen_arrivals", "evergreen_released_days")


@pytest.mark.parametrize("table", [*REGISTRY, *MONITORING])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_rewrite_history(settings, table, statement):
    open_registry(settings).promote("flights", "1", prepare(settings, 1, None), None)
    write_nights(settings)
    column = "run_id" if table == "evergreen_arrivals" else "model"
    engine = create_engine(settings.database_url)
    if engine.dialect.name == "sqlite" and statement.startswith("TRUNCATE"):
        return  # SQLite has no such verb
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table, column, column)))
    engine.dispose()
    assert open_registry(settings).champion("flights").version == "1"


def a_night(number: int, action: Action = Action.LOG) -> NightDecision:
    """The same night on other evidence."""
    return NightDecision(
        model="flights",
        as_of=datetime(2013, 6, 1, 7, 0, 0, 123456, tzinfo=UTC),
        release_version=None,
        bundle_digest=None,
        cause=Cause.UPSTREAM_FAULT,
        action=action,
        severity=Severity.OK,
        reasons=("bätter", "than the rest"),
        alarms=("scale:temp",),
        faulty_days=(date(2013, 5, 31),),
        probed=False,
        starts_training=action is Action.RETRAIN,
        new_rows=0,
        diagnosis_digest=str(number),
        probe_digest=None,
        policy_digest="p",
        past_digest="0",
    )


def write_nights(settings: Settings) -> NightDecision:
    """Write a row into each of monitoring's tables."""
    store = NightStore(settings.database_url)
    store.record(a_night(1, Action.QUARANTINE))
    kept = store.record(a_night(2, Action.RETRAIN))
    store.arrive(decision_id(kept), "run")
    store.release_day("flights", date(2013, 5, 30), "operator", "corrected")
    return kept


def test_nights_come_back_as_they_went_in(settings):
    kept = write_nights(settings)
    store = NightStore(settings.database_url)
    assert store.get(decision_id(kept)) == kept
    assert kept.model_copy(update={"recorded_at": None, "revision": 1}) == a_night(2, Action.RETRAIN)
    assert [night.decision_id for night in store.nights("flights", datetime(2013, 6, 2, tzinfo=UTC), 5)] == [decision_id(kept)]
    assert store.pending() == []
    assert store.set_aside("flights", datetime(2013, 6, 2, tzinfo=UTC)) == {}  # the revision that stands says retrain


def test_a_night_decided_many_times_at_once_on_other_evidence_keeps_each_revision_once(settings):
    works = [lambda n=n: NightStore(settings.database_url).record(a_night(n % 4)) for n in range(WRITERS)]
    said = at_once(*works)
    assert sorted({decision.revision for decision in said}) == [1, 2, 3, 4]
    assert len({(decision.revision, decision.diagnosis_digest) for decision in said}) == 4


def test_of_many_decisions_to_retrain_in_one_night_one_stands(settings):
    works = [lambda n=n: NightStore(settings.database_url).record(a_night(n, Action.RETRAIN)) for n in range(WRITERS)]
    said = at_once(*works)
    assert len({decision_id(decision) for decision in said}) == 1
    store = NightStore(settings.database_url)
    (pending,) = store.pending()
    wanted = decision_id(pending)
    arrivals = at_once(*(lambda n=n: NightStore(settings.database_url).arrive(wanted, f"run-{n}") for n in range(WRITERS)))
    assert len({arrival.run_id for arrival in arrivals}) == 1
    assert store.pending() == []


def test_a_day_released_many_times_at_once_is_released(settings):
    store = NightStore(settings.database_url)
    store.record(a_night(1, Action.QUARANTINE))
    moment = datetime(2013, 7, 1, tzinfo=UTC)
    assert list(store.set_aside("flights", moment)) == [date(2013, 5, 31)]
    said = at_once(*[lambda: store.release_day("flights", date(2013, 5, 31), "operator", "fine")] * WRITERS)
    assert said == [None] * WRITERS
    assert store.set_aside("flights", moment) == {}


def test_an_alert_that_many_would_send_at_once_is_begun_once_and_free_again_when_it_failed(settings):
    words = {"fingerprint": "f", "level": "critical", "subject": "down", "lines": ("because",), "link": ""}

    def begin():
        return AlertStore(settings.database_url).begin("flights", "run:scoring", "target", **words)

    store = AlertStore(settings.database_url)
    for attempt in (1, 2):
        [begun] = [each for each in at_once(*[begin] * WRITERS) if each is not None]
        assert (begun.attempt, begun.lines) == (attempt, ("because",))
        store.failed(begun, "ConnectionError")
    [waiting] = store.waiting()
    assert (waiting.attempt, waiting.error) == (2, "ConnectionError")
    [begun] = [each for each in at_once(*[begin] * WRITERS) if each is not None]
    store.record(begun)
    assert store.waiting() == []
    assert [said.sequence for said in store.list("flights")] == [1]


def a_publication(number: int) -> OnlineInputsVersion:
    return OnlineInputsVersion(
        model="flights",
        features_key="key",
        as_of=datetime(2013, 4, 1, 7, 0, 0, 123456, tzinfo=UTC),
        uri="/online",
        digest=str(number),
        published_at=datetime(2013, 4, 1, 8, tzinfo=UTC),
    )


def test_online_inputs_published_at_once_are_each_there_once(settings):
    works = [lambda n=n: OnlineVersionStore(settings.database_url).publish(a_publication(n % 4)) for n in range(WRITERS)]
    said = at_once(*works)
    newest = OnlineVersionStore(settings.database_url).newest("flights", "key")
    assert sum(said) == newest.revision >= 4
    assert OnlineVersionStore(settings.database_url).newest_all() == [newest]
    assert newest.as_of == a_publication(1).as_of
    engine = create_engine(settings.database_url)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM evergreen_online_versions"))
    engine.dispose()


@pytest.fixture
def world(settings) -> RolloutWorld:
    """A champion, version 1, and challengers of it."""
    world = RolloutWorld(settings)
    world.release(1, None)
    for number in range(2, 2 + WRITERS):
        world.register(number, "1")
    return world


def by_another(world) -> RolloutWorld:
    return RolloutWorld(world.settings)


def test_rollouts_come_back_as_they_went_in(world):
    begun = world.begin(2)
    paused = world.store.pause("flights", reason="bätter waiten", actor="ada", request_id="run-1")
    assert world.store.history("flights") == [paused, begun]
    assert world.store.all_current() == [paused]
    assert world.store.event_of("flights", "run-1") == paused
    assert begun.expires_at.tzinfo is not None
    engine = create_engine(world.settings.database_url)
    for statement in ("UPDATE evergreen_rollouts SET share = 1", "DELETE FROM evergreen_rollouts"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_a_step_begun_many_times_at_once_is_begun_once(world):
    for step in (1, 2, 3):
        said = at_once(*[lambda step=step: by_another(world).begin(2, step)] * WRITERS)
        assert {event.step for event in said} == {step}
        assert len(world.actions()) == step


def test_of_many_challengers_at_once_one_is_tried_out(world):
    said = at_once(*(lambda n=n: by_another(world).begin(n) for n in range(2, 2 + WRITERS)))
    refused = [each for each in said if isinstance(each, PromotionConflictError)]
    assert len(refused) == WRITERS - 1
    assert len(world.actions()) == 1


def test_of_many_ends_at_once_one_is_the_end(world):
    begun = world.begin(2)
    said = at_once(
        *(
            lambda n=n: by_another(world).store.roll_back("flights", begun.rollout_id, reasons=(f"reason {n}",))
            for n in range(WRITERS)
        )
    )
    assert len({event.reasons for event in said}) == 1
    assert [action for action, _ in world.actions()] == ["step", "rolled_back"]


def test_pauses_and_steps_at_once_leave_a_line_of_events(world):
    world.begin(2)
    works = [lambda: by_another(world).store.pause("flights", reason="wait")] * 3
    works += [lambda: by_another(world).store.resume("flights", reason="go on")] * 3
    works += [lambda: by_another(world).begin(2, 2)] * 2
    said = at_once(*works)
    assert {type(each).__name__ for each in said} <= {"RolloutEvent", "RegistryError"}
    events = list(reversed(world.store.history("flights")))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    for before, after in pairwise(events):
        assert (before.action == "pause") == (after.action == "resume"), (before, after)


@pytest.mark.parametrize("attempt", range(10))
def test_a_champion_that_moves_leaves_no_rollout_on_against_the_one_before(world, attempt):
    """Each of the two rests on rows of the other: without taking turns, both would see the world as it was."""
    said = at_once(
        lambda: by_another(world).begin(2),
        lambda: by_another(world).registry.promote("flights", "3", world.decide(3, "1"), "1").version,
    )
    assert "3" in said
    assert world.registry.champion("flights").version == "3"
    assert world.store.current("flights") is None
    # Whoever came first: the rollout had not begun, or it was ended with the champion.
    assert world.actions() in ([], [("step", "2"), ("rolled_back", "2")])


@pytest.mark.parametrize("attempt", range(5))
def test_a_challenger_is_either_promoted_or_taken_back(world, attempt):
    begun = world.begin(2)
    at_once(
        lambda: by_another(world).registry.promote("flights", "2", begun.rollout_id, "1", trial="on"),
        lambda: by_another(world).store.roll_back("flights", begun.rollout_id, reasons=("bad",)),
    )
    (_, _), (end, _) = world.actions()
    assert (end, world.registry.champion("flights").version) in {("promoted", "2"), ("rolled_back", "1")}


@pytest.fixture
def database_of_version_3(world) -> RolloutWorld:
    """A database as the version before rollouts made it, with a champion and challengers in it."""
    engine = create_engine(world.settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE evergreen_rollouts"))
        connection.execute(text("UPDATE evergreen_schema SET version = 3"))
    engine.dispose()
    return RolloutWorld(world.settings)


def test_a_database_of_version_3_is_brought_up_to_date_by_many_at_once(database_of_version_3):
    world = database_of_version_3
    said = at_once(*[lambda: by_another(world).begin(2)] * WRITERS)
    assert {event.sequence for event in said} == {1}
    assert world.registry.champion("flights").version == "1"
    engine = create_engine(world.settings.database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM evergreen_schema")).scalars().all() == [SCHEMA_VERSION]
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM evergreen_rollouts"))
    engine.dispose()


@pytest.fixture
def database_of_version_4(settings) -> tuple[Settings, NightDecision]:
    """A database as the version before the way back made it, with a night in it."""
    kept = write_nights(settings)
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        for column in ("rolls_back_to", "probation_digest"):
            connection.execute(text(f"ALTER TABLE evergreen_nights DROP COLUMN {column}"))
        connection.execute(text("UPDATE evergreen_schema SET version = 4"))
    engine.dispose()
    return settings, kept


def test_a_database_of_version_4_keeps_its_nights_and_takes_the_new_ones(database_of_version_4):
    settings, kept = database_of_version_4
    later = {"as_of": kept.as_of + timedelta(days=1), "rolls_back_to": "6", "probation_digest": "q"}
    taken_back = a_night(1, Action.ROLLBACK).model_copy(update=later)
    works = [lambda: NightStore(settings.database_url).record(taken_back)] * WRITERS
    assert {decision_id(said) for said in at_once(*works)} == {decision_id(taken_back)}
    store = NightStore(settings.database_url)
    assert store.get(decision_id(kept)) == kept
    found = store.get(decision_id(taken_back))
    assert (found.action, found.rolls_back_to, found.probation_digest) == (Action.ROLLBACK, "6", "q")


@pytest.fixture
def database_of_version_1(settings) -> Settings:
    """A database as the first version made it, with a champion in it."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL:
            connection.execute(text(statement))
        connection.execute(
            text(
                "INSERT INTO evergreen_versions VALUES ('flights', '7', '/bundle', 'b', 'd', 'run', "
                "'2013-03-01 00:00:00.000000', 's', '2013-04-01 00:00:00.000000')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO evergreen_releases VALUES ('flights', 1, 'promote', '7', NULL, 'd', 'direct', '', 'me', "
                "'request', '2013-04-01 00:00:00.000000')"
            )
        )
    engine.dispose()
    return settings


def test_a_database_of_the_first_version_is_brought_up_to_date(database_of_version_1):
    settings = database_of_version_1
    kept = write_nights(settings)
    assert NightStore(settings.database_url).get(decision_id(kept)) == kept
    assert open_registry(settings).champion("flights").version == "7"
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM evergreen_schema")).scalars().all() == [SCHEMA_VERSION]
    assert OnlineVersionStore(settings.database_url).publish(a_publication(1))
    world = RolloutWorld(settings)
    world.register(8, "7")
    assert world.begin(8, against="7") == world.store.current("flights")
    for table in (*REGISTRY[1:], *MONITORING, "evergreen_online_versions", "evergreen_rollouts"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def test_it_is_brought_up_to_date_once_by_many(database_of_version_1):
    url = database_of_version_1.database_url
    works = [lambda n=n: NightStore(url).record(a_night(n)) for n in range(WRITERS)]
    assert {decision.revision for decision in at_once(*works)} == set(range(1, WRITERS + 1))


def test_an_upgraded_database_is_guarded_like_a_new_one(database_of_version_1, tmp_path):
    url = database_of_version_1.database_url
    engine = create_engine(url)
    if engine.dialect.name != "sqlite":
        return  # PostgreSQL has one trigger for all keys
    fresh = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    found = []
    for there in (engine, fresh):
        with Database(there.url.render_as_string(hide_password=False)).reading():
            pass
        with there.connect() as connection:
            query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
            found.append(connection.execute(query).all())
        there.dispose()
    assert found[0] == found[1]
    assert len(found[0]) == 3 * len(APPEND_ONLY)


def test_no_answer_may_be_tried_again_and_tells_no_password(tmp_path):
    url = "postgresql+psycopg://evergreen:secret@127.0.0.1:1/postgres?connect_timeout=2"
    with pytest.raises(StoreUnavailableError) as caught:
        DecisionStore(url).latest("flights")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


def test_an_erasure_is_recorded_once_however_many_ask_for_it_and_its_steps_one_after_the_other(settings):
    store, now = ErasureStore(settings.database_url), datetime.now(UTC)
    wanted = Erasure(model="m", columns=("id",), hashes=("a",), hash_key_id="k", actor="anna", reason="17", begun_at=now)
    both = [wanted.model_copy(update={"actor": "bo", "row_keys": frozenset({"1", key})}) for key in ("2", "3")]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(store.begin, both))
    step = ErasureStep(erasure_id=wanted.id, complete=False, places=(), lost=("x",), actor="bo", noted_at=now)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.note, [step] * 8))
    with store.turn("m"):  # held while the log of a table is changed
        pass
    (found,) = store.of_model("m")
    assert (found.id, found.actor, found.row_keys) == (wanted.id, "bo", {"1", "2", "3"})
    assert [each.sequence for each in store.steps(found.id)] == list(range(1, 9))
    assert store.of_model("other") == []
