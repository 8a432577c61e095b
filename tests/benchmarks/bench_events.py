"""Bursts of events at a real Airflow on PostgreSQL: is every unit of work done exactly once, and after how long?

Run with `make bench ARGS=-k=burst`. Scheduler, triggerer, API server and DAG processor are real, the events DAG is our own; S3
and SQS are played by moto. What is started is a DAG of one task that writes its run id into a ledger, so that the way to the
work is timed and not the work. `begun`: every run exists; `done`: every one has succeeded and no wake-up is under way.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from event_stack import POSTGRESQL, EventStack, wait_until
from evergreen.registry.requests import WorkRequest

pytestmark = [pytest.mark.timeout(3000), pytest.mark.filterwarnings("ignore")]

BURST = 50
LIMIT_SECONDS = 900.0
COLUMNS = ("units", "begun after", "done after", "done once", "twice", "waiting", "wake-ups")
HEADER = f"{'scenario':<38}" + "".join(f"{name:>13}" for name in COLUMNS)


@dataclass
class Scenario:
    """One thing that may happen."""

    name: str
    act: Callable[[EventStack], None]
    keys: set[str] = field(default_factory=set)
    """Keys of the units of work that must come of it."""


def ids(keys: set[str]) -> set[str]:
    moment = "2026-01-01T00:00:00Z"
    values = {"model": "shop", "kind": "scoring", "as_of": moment, "reason": "", "content_digest": "", "source": "rest"}
    return {WorkRequest.model_validate({**values, "key": key}).id for key in keys}


def body(key: str) -> dict[str, str]:
    return {"starts": "scoring", "key": key}


def within_a_second(actions: list[Callable[[], None]]) -> None:
    """Do all of it at the same time, from ten threads."""

    def work(part: list[Callable[[], None]]) -> None:
        for action in part:
            action()

    threads = [threading.Thread(target=work, args=(actions[start::10],)) for start in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rest(keys: list[str]) -> Callable[[EventStack], None]:
    return lambda stack: within_a_second([lambda key=key: stack.post_event(body(key)) for key in keys])


def queue(keys: list[str]) -> Callable[[EventStack], None]:
    return lambda stack: within_a_second([lambda key=key: stack.send(body(key)) for key in keys])


def landing(days: list[str]) -> Callable[[EventStack], None]:
    return lambda stack: within_a_second([lambda day=day: stack.land(day) for day in days])


def days(first: date, count: int) -> list[str]:
    return [(first + timedelta(days=number)).isoformat() for number in range(count)]


def kill_scheduler(keys: list[str]) -> Callable[[EventStack], None]:
    def act(stack: EventStack) -> None:
        burst = threading.Thread(target=rest(keys), args=(stack,))
        burst.start()
        time.sleep(1.0)
        stack.stop("scheduler", signal.SIGKILL)
        burst.join()
        stack.start("scheduler")

    return act


def kill_triggerer(keys: list[str]) -> Callable[[EventStack], None]:
    def act(stack: EventStack) -> None:
        queue(keys)(stack)
        time.sleep(0.3)
        stack.stop("triggerer", signal.SIGKILL)
        stack.start("triggerer")

    return act


def take_away(keys: list[str]) -> Callable[[EventStack], None]:
    """Receive the messages before the watcher does, and forget them, as a watcher does that dies with them."""

    def act(stack: EventStack) -> None:
        stack.stop("triggerer", signal.SIGTERM)
        queue(keys)(stack)
        for _ in range(5):
            stack.sqs.receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=20)
        stack.start("triggerer")

    return act


def unheard(landed: list[str]) -> Callable[[EventStack], None]:
    def act(stack: EventStack) -> None:
        stack.notify(False)
        landing(landed)(stack)
        stack.notify(True)

    return act


def paused(keys: list[str]) -> Callable[[EventStack], None]:
    def act(stack: EventStack) -> None:
        stack.pause(True)
        rest(keys)(stack)
        stack.pause(False)

    return act


def keys(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number:02d}" for number in range(count)]


def scenarios() -> list[Scenario]:
    twice = keys("queue-twice", 25) * 2
    first, lost = days(date(2026, 2, 1), BURST), days(date(2026, 4, 1), 5)
    table: list[tuple[str, Callable[[EventStack], None], list[str]]] = [
        ("REST, one key", rest(["rest-same"] * BURST), ["rest-same"]),
        ("REST, 50 keys", rest(keys("rest", BURST)), keys("rest", BURST)),
        ("SQS, one key", queue(["queue-same"] * BURST), ["queue-same"]),
        ("SQS, 50 keys", queue(keys("queue", BURST)), keys("queue", BURST)),
        ("SQS, 25 keys, each message twice", queue(twice), twice),
        ("S3 notifications, 50 new days", landing(first), first),
        ("S3, 5 new days, no notification", unheard(lost), lost),
        ("SQS, 20 keys, triggerer killed", kill_triggerer(keys("triggerer", 20)), keys("triggerer", 20)),
        ("SQS, 20 messages received and lost", take_away(keys("lost", 20)), keys("lost", 20)),
        ("REST, 5 keys, DAG paused meanwhile", paused(keys("paused", 5)), keys("paused", 5)),
    ]
    return [Scenario(name, act, set(wanted)) for name, act, wanted in table]


needs_postgresql = pytest.mark.skipif(not POSTGRESQL.is_dir(), reason="needs PostgreSQL's server programs")


@needs_postgresql
def test_bursts():
    with EventStack() as stack:
        measure_all(stack, scenarios())


@needs_postgresql
@pytest.mark.parametrize("seconds", [300, 30])
def test_burst_with_a_killed_scheduler(seconds):
    """Airflow looks every 300 s, unless told otherwise, for tasks that a dead scheduler has left behind."""
    wanted = keys("killed", BURST)
    with EventStack(orphans_checked_every=seconds) as stack:
        measure_all(stack, [Scenario(f"scheduler killed, orphans each {seconds} s", kill_scheduler(wanted), set(wanted))])


def measure_all(stack: EventStack, wanted: list[Scenario]) -> None:
    rest(["warm-up"])(stack)
    wait_until(lambda: finished(stack, ids({"warm-up"})), LIMIT_SECONDS, "the warm-up is over")
    print("\n" + HEADER, flush=True)
    for scenario in wanted:
        print(measure(stack, scenario), flush=True)
    print(f"REST calls tried again after no answer or a 5xx: {stack.retried}")


def measure(stack: EventStack, scenario: Scenario) -> str:
    wanted, before, began = ids(scenario.keys), len(stack.runs("events")), time.monotonic()
    scenario.act(stack)
    wait_until(lambda: wanted <= set(stack.runs("scoring")), LIMIT_SECONDS, f"{scenario.name}: every run exists")
    begun = time.monotonic() - began
    wait_until(lambda: finished(stack, wanted), LIMIT_SECONDS, f"{scenario.name}: every run is done")
    done = time.monotonic() - began
    executions = stack.executions()
    once = sum(executions.get(each) == 1 for each in wanted)
    twice = sum(executions.get(each, 0) > 1 for each in wanted)
    waiting = len(stack.store.without_run("shop", limit=1000))
    wake_ups = len(stack.runs("events")) - before
    unwanted = set(stack.runs("scoring")) - ids({each.key for each in stack.store.list("shop")})
    assert not unwanted, f"{scenario.name}: runs that nobody asked for: {unwanted}"
    cells = (len(wanted), f"{begun:.1f} s", f"{done:.1f} s", once, twice, waiting, wake_ups)
    return f"{scenario.name:<38}" + "".join(f"{cell:>13}" for cell in cells)


def finished(stack: EventStack, wanted: set[str]) -> bool:
    states = stack.runs("scoring")
    return all(states.get(each) == "success" for each in wanted) and stack.quiet()
