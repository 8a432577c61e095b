"""The client against a small server that plays Airflow's part, its bad moments included."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rich.console import Console

from evergreen.cli import airflow_api, follow
from evergreen.cli.airflow_api import AirflowApi, TaskState
from evergreen.errors import RequestError, RunFailedError, StoreUnavailableError

Answer = tuple[int, Any]


class FakeAirflow:
    """Answers each call from a script: per (method, path) a queue of answers, the last one for good."""

    def __init__(self) -> None:
        self.script: dict[tuple[str, str], deque[Answer]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.tokens = iter(["first", "second", "third"])
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = self.path.partition("?")[0].removeprefix("/api/v2")
                fake.calls.append((self.command, path, body))
                status, value = fake.next_answer(self.command, path)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def next_answer(self, method: str, path: str) -> Answer:
        if path == "/auth/token":
            return 201, {"access_token": next(self.tokens)}
        queue = self.script[(method, path)]
        return queue.popleft() if len(queue) > 1 else queue[0]

    def will_answer(self, method: str, path: str, *answers: Answer) -> None:
        self.script[(method, path)] = deque(answers)

    def count(self, method: str, path: str) -> int:
        return sum(call[:2] == (method, path) for call in self.calls)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.setattr(airflow_api, "WAITS_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    fake = FakeAirflow()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def api(fake: FakeAirflow) -> AirflowApi:
    return AirflowApi(fake.url, "admin", "secret")


RUN = "/dags/m.training/dagRuns/r"


def test_asks_again_after_a_server_error(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", RUN, (500, {"detail": "database is locked"}), (200, {"state": "running"}))
    assert api.run_state("m.training", "r") == "running"
    assert fake.count("GET", RUN) == 2


def test_gives_up_after_the_last_try_and_says_what_was_answered(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", RUN, (500, {"detail": "database is locked"}))
    with pytest.raises(StoreUnavailableError, match="database is locked"):
        api.run_state("m.training", "r")
    assert fake.count("GET", RUN) == 3


def test_logs_in_again_when_the_token_has_run_out(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", RUN, (401, {}), (200, {"state": "success"}))
    assert api.run_state("m.training", "r") == "success"
    assert fake.count("POST", "/auth/token") == 2


def test_a_refused_request_is_not_repeated(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("POST", "/dags/m.training/dagRuns", (400, {"detail": "as_of: does not match"}))
    with pytest.raises(RequestError, match="does not match"):
        api.trigger("m.training", "r", {"as_of": "tomorrow"})
    assert fake.count("POST", "/dags/m.training/dagRuns") == 1


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "WAITS_SECONDS", (0.0,))
    with pytest.raises(StoreUnavailableError):
        AirflowApi("http://127.0.0.1:1", "admin", "secret").run_state("m.training", "r")


def test_a_run_names_its_logical_date_as_none(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("POST", "/dags/m.training/dagRuns", (200, {}))
    assert api.trigger("m.training", "r", {"force": True})
    assert fake.calls[-1][2] == {"logical_date": None, "dag_run_id": "r", "conf": {"force": True}}


def test_a_pool_that_is_there_keeps_its_size(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", "/pools/training", (200, {"slots": 7}))
    api.ensure_pool("training", 2, "why")
    assert fake.count("POST", "/pools") == 0


def test_a_pool_that_is_missing_is_made(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", "/pools/training", (404, {}))
    fake.will_answer("POST", "/pools", (201, {}))
    api.ensure_pool("training", 2, "why")
    assert fake.calls[-1][2]["slots"] == 2


def test_an_unknown_dag_tells_the_import_errors(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", "/dags/m.training", (404, {}))
    broken = {"filename": "training.py", "stack_trace": "Traceback\nSyntaxError: bad"}
    fake.will_answer("GET", "/importErrors", (200, {"import_errors": [broken]}))
    with pytest.raises(RequestError, match=r"training\.py: SyntaxError: bad"):
        api.wait_for_dag("m.training", limit_seconds=0)


def known_dag(fake: FakeAirflow) -> None:
    fake.will_answer("GET", "/dags/m.training", (200, {}))
    fake.will_answer("PATCH", "/dags/m.training", (200, {}))


def test_a_finished_run_of_the_name_is_followed_by_a_second(fake: FakeAirflow, api: AirflowApi) -> None:
    known_dag(fake)
    fake.will_answer("POST", "/dags/m.training/dagRuns", (409, {}), (200, {}))
    fake.will_answer("GET", RUN, (200, {"state": "success"}))
    assert follow.start_run(api, "m.training", "r", {}) == "r-2"


def test_a_run_of_the_name_that_goes_on_is_joined(fake: FakeAirflow, api: AirflowApi) -> None:
    known_dag(fake)
    fake.will_answer("POST", "/dags/m.training/dagRuns", (409, {}))
    fake.will_answer("GET", RUN, (200, {"state": "running"}))
    assert follow.start_run(api, "m.training", "r", {}) == "r"


def instance(task_id: str, state: str | None, map_index: int = -1, start: str | None = "2026-01-01") -> dict[str, Any]:
    return {
        "task_id": task_id,
        "state": state,
        "map_index": map_index,
        "try_number": 1,
        "duration": 1.5 if state == "success" else None,
        "start_date": start,
    }


def test_follows_a_run_to_its_end_and_returns_what_tasks_returned(fake: FakeAirflow, api: AirflowApi) -> None:
    done = [instance("gate", "success"), instance("train", "success", 0), instance("train", "success", 1)]
    fake.will_answer("GET", RUN, (200, {"state": "running"}), (200, {"state": "success"}))
    fake.will_answer(
        "GET",
        f"{RUN}/taskInstances",
        (200, {"task_instances": [instance("gate", None, start=None), *done[1:]]}),
        (200, {"task_instances": [*done, instance("register", "skipped")]}),
    )
    for task, value in (("gate", {"outcome": "keep"}), ("train", {"name": "x"})):
        fake.will_answer("GET", f"{RUN}/taskInstances/{task}/xcomEntries/return_value", (200, {"value": value}))
    console = Console(record=True, quiet=True)
    with console.capture():
        returned = follow.follow_run(api, "m.training", "r", console)
    assert returned == {"gate": {"outcome": "keep"}, "train": [{"name": "x"}, {"name": "x"}]}


def test_shows_each_task_once(fake: FakeAirflow, api: AirflowApi, capsys: pytest.CaptureFixture[str]) -> None:
    fake.will_answer("GET", RUN, (200, {"state": "running"}), (200, {"state": "running"}), (200, {"state": "success"}))
    fake.will_answer(
        "GET",
        f"{RUN}/taskInstances",
        (200, {"task_instances": [{**instance("train", "success", 0), "rendered_map_index": "xgboost"}]}),
    )
    fake.will_answer("GET", f"{RUN}/taskInstances/train/xcomEntries/return_value", (404, {}))
    follow.follow_run(api, "m.training", "r", Console())
    assert capsys.readouterr().out.split() == ["✓", "train[xgboost]", "1.5", "s"]


def test_a_mapped_task_is_named_by_what_it_is_about() -> None:
    assert TaskState("train", 2, "success", 1, 1.0, "xgboost").name == "train[xgboost]"
    assert TaskState("train", 2, "success", 1, 1.0).name == "train[2]"
    assert TaskState("gate", -1, "success", 1, 1.0).name == "gate"


def test_a_failed_run_tells_the_error_of_its_log(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", RUN, (200, {"state": "failed"}))
    fake.will_answer("GET", f"{RUN}/taskInstances", (200, {"task_instances": [instance("validate", "failed")]}))
    line = {"event": "Task failed", "error_detail": [{"exc_type": "DataValidationError", "exc_value": "half the rows"}]}
    fake.will_answer("GET", f"{RUN}/taskInstances/validate/logs/1", (200, {"content": [{"event": "hello"}, line]}))
    with pytest.raises(RunFailedError, match="DataValidationError: half the rows"):
        follow.follow_run(api, "m.training", "r", Console(quiet=True))


def test_a_log_that_is_not_there_is_no_second_error(fake: FakeAirflow, api: AirflowApi) -> None:
    fake.will_answer("GET", f"{RUN}/taskInstances/x/logs/1", (404, {}))
    assert api.errors_in_log("m.training", "r", TaskState("x", -1, "failed", 1, None)) == []
