"""What the gateway says at each of its addresses."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.errors import CallError
from evergreen.serving.answering import Asked, Call
from evergreen.serving.answers import InvocationsResponse, PredictResponse, predictions
from evergreen.serving.docs_page import docs_page
from evergreen.serving.health import gateway_health, in_short
from evergreen.serving.http import read_body, require_json
from evergreen.serving.log import CHAMPION, PROBE, SHADOW
from evergreen.serving.metric_text import CONTENT_TYPE, metric_text
from evergreen.serving.mlflow_protocol import read_invocation
from evergreen.serving.model_card import model_card
from evergreen.serving.openapi import openapi_document
from evergreen.serving.refusals import refusal, unknown_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evergreen.serving.access.key_ring import KeyRing
    from evergreen.serving.answers import Answers
    from evergreen.serving.http import Headers, Receive
    from evergreen.serving.keeping import AnswerKeeper
    from evergreen.serving.live_models import LiveModels, LiveRelease
    from evergreen.serving.live_trials import LiveTrial
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.log import AnswerSpool
    from evergreen.serving.request_schema import RequestSchema
    from evergreen.serving.worker_metrics import WorkerMetrics

FIRST_LOOK_LIMIT_SECONDS = 120.0
MOST_UNSEEN_ROWS = 1000
"""Rows that may wait for a challenger whose answers nobody waits for."""
JSON, HTML = b"application/json", b"text/html; charset=utf-8"
Page = tuple[int, bytes, bytes]
"""Status, content type, body."""


class Gateway:
    """One worker: its live releases, its spool, its counters.

    Args:
        live: Which releases answer.
        spool: Where answers are kept before they are sent.
        keeper: What keeps them there.
        counters: What is counted.
        version: Of Evergreen.
        keys: What opens it; none where nothing has to.
    """

    def __init__(
        self,
        live: LiveModels,
        spool: AnswerSpool,
        keeper: AnswerKeeper,
        counters: WorkerMetrics,
        version: str,
        keys: KeyRing | None = None,
    ) -> None:
        self._live = live
        self._spool = spool
        self._keeper = keeper
        self._counters = counters
        self._version = version
        self._keys = keys
        self._encode = msgspec.json.Encoder().encode

    async def start(self) -> None:
        """Begin to look for releases, and to tell the other workers what is counted; return when what is there is loaded.

        Only then does the server listen: beside workers that can answer, one that cannot yet must not take requests.
        """
        self._live.start(self._after_look)
        await asyncio.get_running_loop().run_in_executor(None, self._live.wait_for_first_look, FIRST_LOOK_LIMIT_SECONDS)

    def _after_look(self) -> None:
        self._keeper.refusals(self._live.live)
        self._spool.hasten(self._live.trials.live.keys())
        self._counters.publish(self._live, self._spool)

    def stop(self) -> None:
        """Stop looking, and bring every answer to the disk; called when the last request has been answered."""
        self._live.stop()
        self._keeper.refusals(self._live.live)
        self._counters.close()
        self._spool.close()

    def count(self, model: str, status: int) -> None:
        """Count a request by its status."""
        self._counters.statuses[model if model in self._live.live else "", int(status)] += 1

    def count_error(self, model: str, kind: str) -> None:
        """Count a request that was not answered."""
        self._counters.errors[model if model in self._live.live else "", kind] += 1

    async def predict(self, model: str, headers: Headers, receive: Receive, request_id: str, started: float) -> bytes:
        """Answer request rows.

        Raises:
            CallError: The request cannot be answered as it was made.
        """
        self._find(model)
        require_json(headers)
        body = await read_body(headers, receive)
        live = self._find(model)  # a body may take its time; who is live now answers
        rows = live.release.schema.decode(body)
        release, answers = await self._ask(live, rows, lambda schema: schema.decode(body), headers, request_id, started)
        return self._encode(
            PredictResponse(
                model,
                release.champion.version,
                release.champion.bundle_digest,
                release.features_as_of,
                request_id,
                predictions(answers),
            )
        )

    async def invocations(self, model: str, headers: Headers, receive: Receive, request_id: str, started: float) -> bytes:
        """Answer rows in one of the formats of MLflow's scoring protocol.

        Raises:
            CallError: The request cannot be answered as it was made.
        """
        name = model or self.only_model()
        self._find(name)
        require_json(headers)
        body = await read_body(headers, receive)
        live = self._find(name)

        def decode(schema: RequestSchema) -> Sequence[Any]:
            rows = read_invocation(body, {**schema.row_types, **schema.optional_types}, schema.max_rows)
            return schema.from_plain(rows)

        _, answers = await self._ask(live, decode(live.release.schema), decode, headers, request_id, started)
        return self._encode(InvocationsResponse(predictions(answers)))

    def docs(self) -> Page:
        """Show what is served, for people."""
        return HTTPStatus.OK, HTML, docs_page(self._releases(), self._version).encode()

    def openapi(self) -> Page:
        """Describe what is served, for programs."""
        return HTTPStatus.OK, JSON, self._encode(openapi_document(self._releases(), self._version))

    def health(self, in_full: bool) -> Page:
        """Say how the gateway is, with or without what is wrong; the status is 200 as long as it answers."""
        found = gateway_health(self._live, keys=self._keys)
        return HTTPStatus.OK, JSON, self._encode(found if in_full else in_short(found))

    def ready(self, in_full: bool) -> Page:
        """Say whether requests should be sent here, with or without what is wrong."""
        found = gateway_health(self._live, keys=self._keys)
        status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON, self._encode(found if in_full else in_short(found))

    def version(self) -> Page:
        """Say which Evergreen this is; MLflow's clients ask."""
        return HTTPStatus.OK, b"text/plain; charset=utf-8", self._version.encode()

    def metrics(self) -> Page:
        """Return every worker's counters as Prometheus reads them."""
        samples = self._counters.gathered(self._live, self._spool)
        return HTTPStatus.OK, CONTENT_TYPE.encode(), metric_text(samples).encode()

    def models(self) -> Page:
        """List what is live."""
        cards = [model_card(live, self._live.trials.live.get(model)) for model, live in sorted(self._live.live.items())]
        return HTTPStatus.OK, JSON, self._encode({"models": cards})

    def model(self, name: str) -> Page:
        """Describe one model."""
        return HTTPStatus.OK, JSON, self._encode(model_card(self._find(name), self._live.trials.live.get(name)))

    async def _ask(
        self,
        live: LiveRelease,
        rows: Sequence[Any],
        decode: Callable[[RequestSchema], Sequence[Any]],
        headers: Headers,
        request_id: str,
        started: float,
    ) -> tuple[LoadedRelease, Answers]:
        """Return the answers, and the release that gave them."""
        call = Call(rows, request_id, PROBE if headers.is_probe else CHAMPION, started)
        trial = None if headers.is_probe else self._trial(live, rows[0])
        if trial is not None:
            call.asked = _asked(trial, rows, decode)
        if trial is None or trial.event.mode == "shadow":
            release, answers = live.release, await live.batcher.submit(call)
        else:
            answers = await trial.batcher.submit(call)
            release = trial.challenger.release if call.by_challenger and trial.challenger.release else live.release
        release.metrics.observe(perf_counter() - started, len(rows))
        if trial is not None and trial.event.mode == "shadow":
            self._ask_unseen(trial, call)
        return release, answers

    def _trial(self, live: LiveRelease, row: Any) -> LiveTrial | None:
        """Return the trial that a request belongs to, if it does."""
        trial = self._live.trials.live.get(live.release.model)
        # Between two looks the champion may be another one already.
        return trial if trial is not None and trial.champion is live.release and trial.asks(row) else None

    def _ask_unseen(self, trial: LiveTrial, call: Call) -> None:
        """Ask a challenger what nobody waits for; where too much waits already, do not."""
        if trial.batcher.waiting_rows > MOST_UNSEEN_ROWS:
            self._counters.of_trial(trial.event)["skipped"] += 1
            return
        unseen = Call(call.rows, call.request_id, SHADOW, call.started, call.asked)
        trial.batcher.submit(unseen).add_done_callback(lambda done: done.cancelled() or done.exception())

    def _find(self, model: str) -> LiveRelease:
        live = self._live.live.get(model)
        if live is not None:
            return live
        if self._live.looks and model not in self._live.wanted:
            raise unknown_model(model, self._live.wanted)
        error = self._live.problems.get(model) or self._live.registry_problem
        raise refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"model {model!r} is not ready",
            found=error.what if error else "it is being loaded",
            allowed="a model with a release that is loaded",
            remedy="try again in a moment; /health says what is missing",
        )

    def only_model(self) -> str:
        """Return the one model that is served.

        Raises:
            CallError: There are several, or none.
        """
        served = sorted(self._live.wanted)
        if len(served) == 1:
            return served[0]
        raise refusal(
            HTTPStatus.NOT_FOUND,
            "it is not clear which model is meant",
            found=f"/invocations, and {len(served)} models are served",
            allowed=", ".join(f"/models/{name}/invocations" for name in served[:10]) or "a model that is served",
            remedy="name the model in the address, or serve one alone: evergreen serve --model NAME",
        )

    def _releases(self) -> list[LoadedRelease]:
        return [live.release for _, live in sorted(self._live.live.items())]


def _asked(trial: LiveTrial, rows: Sequence[Any], decode: Callable[[RequestSchema], Sequence[Any]]) -> Asked:
    """Return what a challenger is asked: the champion's rows where it reads them alike, else the request by its own schema."""
    challenger = trial.challenger.release
    if challenger is None or challenger.schema.reads_alike(trial.champion.schema):
        return Asked(rows)
    try:
        return Asked(decode(challenger.schema))
    except Exception as error:  # whatever is wrong with the challenger's schema: the champion has read the request
        return Asked((), f"the request is none to it: {error.what if isinstance(error, CallError) else type(error).__name__}")
