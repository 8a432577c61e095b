import multiprocessing
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from evergreen.errors import DigestMismatchError, RegistryError, StoreUnavailableError
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.results import Outcome


def a_decision(**changes: object) -> DecisionRecord:
    values = {
        "model": "flights",
        "as_of": datetime(2013, 4, 1, 7, tzinfo=UTC),
        "outcome": Outcome.PROMOTE,
        "reasons": ("better by 0.01",),
        "challenger_name": "xgboost",
        "challenger_digest": "c" * 32,
        "champion_version": None,
        "champion_digest": None,
        "holdout_digest": "d" * 32,
        "measurement_digest": "e" * 32,
        "gate_digest": "f" * 32,
        "measurement_uri": "/m.json",
        "report_uri": "/r.html",
        "mlflow_run_id": "run",
    }
    return DecisionRecord.model_validate(values | changes)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'folder' / 'evergreen.db'}"


def test_a_record_is_returned_as_it_was_kept(url):
    store = DecisionStore(url)
    kept = store.record(a_decision(rows_needed=None))
    assert kept.recorded_at is not None
    assert store.get(kept.id) == kept
    assert kept.model_copy(update={"recorded_at": None}) == a_decision()


def test_the_same_decision_is_kept_once_as_first_written(url):
    store = DecisionStore(url)
    first = store.record(a_decision())
    assert store.record(a_decision(reasons=("said otherwise",))) == first
    assert store.list("flights") == [first]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"outcome": Outcome.KEEP},
        {"challenger_digest": "0" * 32},
        {"champion_version": "1"},
        {"champion_digest": "0" * 32},
        {"holdout_digest": "0" * 32},
        {"measurement_digest": "0" * 32},
        {"gate_digest": "0" * 32},
    ],
)
def test_all_a_decision_hangs_on_is_in_its_id(change):
    assert a_decision(**change).id != a_decision().id


def test_words_and_addresses_are_not_in_the_id():
    assert a_decision(reasons=("x",), report_uri="/elsewhere", mlflow_run_id="r2").id == a_decision().id


def test_newest_first_and_by_model(url):
    store = DecisionStore(url)
    kept = [store.record(a_decision(holdout_digest=str(night) * 32)) for night in range(4)]
    store.record(a_decision(model="other"))
    assert store.list("flights") == kept[::-1]
    assert store.list("flights", limit=2) == kept[:1:-1]
    assert store.latest("flights") == kept[-1]
    assert store.latest("nobody") is None
    assert store.get("0" * 32) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evergreen_decisions SET outcome = 'promote'",
        "UPDATE evergreen_decisions SET reasons = '[]' WHERE model = 'flights'",
        "DELETE FROM evergreen_decisions",
        "INSERT OR REPLACE INTO evergreen_decisions SELECT * FROM evergreen_decisions",
    ],
)
def test_the_database_refuses_to_change_a_record(url, statement):
    store = DecisionStore(url)
    kept = store.record(a_decision(outcome=Outcome.KEEP))
    engine = create_engine(url)
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    assert store.get(kept.id) == kept


def test_a_record_changed_behind_the_guards_is_noticed(url):
    store = DecisionStore(url)
    kept = store.record(a_decision(outcome=Outcome.KEEP))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER evergreen_decisions_no_update"))
        connection.execute(text("UPDATE evergreen_decisions SET outcome = 'promote'"))
    engine.dispose()
    for read in (lambda: store.get(kept.id), lambda: store.list("flights"), lambda: store.record(kept)):
        with pytest.raises(DigestMismatchError, match="was changed"):
            read()


def test_a_newer_schema_is_left_alone(url):
    DecisionStore(url).record(a_decision())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE evergreen_schema SET version = 99"))
    engine.dispose()
    with pytest.raises(RegistryError, match="schema version 99"):
        DecisionStore(url).latest("flights")


def test_a_database_that_cannot_be_opened_may_be_tried_again(tmp_path):
    with pytest.raises(StoreUnavailableError, match="did not answer") as caught:
        DecisionStore(f"sqlite:///{tmp_path}").latest("flights")
    assert caught.value.retryable


def test_threads_may_record_at_once(url):
    kept = []
    start = threading.Barrier(8)

    def record(number: int) -> None:
        store = DecisionStore(url)
        start.wait()
        kept.append(store.record(a_decision(holdout_digest=str(number % 2) * 32)))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 8
    assert len(DecisionStore(url).list("flights")) == 2


def _first_come(url: str, start: "multiprocessing.synchronize.Barrier", answers: "multiprocessing.Queue[str]") -> None:
    start.wait()
    try:
        DecisionStore(url).record(a_decision())
        answers.put("")
    except Exception as error:
        answers.put(repr(error))


def test_processes_may_make_the_tables_at_once(url):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(6), context.Queue()
    processes = [context.Process(target=_first_come, args=(url, start, answers)) for _ in range(6)]
    for process in processes:
        process.start()
    said = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert said == [""] * 6
    assert len(DecisionStore(url).list("flights")) == 1
