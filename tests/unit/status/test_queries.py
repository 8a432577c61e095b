import os
import subprocess
import sys
import threading
from base64 import b64encode
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.files import Files
from evergreen.observation import NightDecision
from evergreen.registry.aliases import MlflowAliases
from evergreen.registry.mlflow_client import open_client
from evergreen.registry.nights import NightStore
from evergreen.results import Outcome
from evergreen.settings import Settings
from evergreen.stages.register import register
from evergreen.stages.release import rollback
from evergreen.stages.score import score_day
from evergreen.status.aliases import read_aliases
from evergreen.status.queries import model_status
from evergreen.tables.addresses import predictions_uri, validations_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.stage_results import StageResults
from released_models import MODEL, a_bundle, a_definition, a_feature_set, a_frame, judge, release_without_mlflow


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


def test_before_anything_happened_looking_makes_nothing(settings):
    status = model_status(settings, a_definition())
    assert (status.champion, status.previous, status.evaluation, status.validation) == (None, None, None, None)
    assert (status.timeline, status.decisions, status.candidates, status.nights) == ((), (), (), ())
    assert (status.aliases.expected, status.aliases.shown, status.aliases.drift) == ({}, {}, ())
    assert status.scored.days == 0
    assert not Path(settings.home).exists()


def test_champion_previous_timeline_and_decisions(settings):
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline", seed=2), against="1"))
    kept = judge(settings, a_bundle(settings, "baseline", seed=3), against="2", outcome=Outcome.KEEP)
    status = model_status(settings, a_definition())
    assert (status.champion.version, status.previous.version) == ("2", "1")
    assert [event.version for event in status.timeline] == ["2", "1"]
    assert status.decisions[0].id == kept.record.id
    assert status.decisions[0].reasons == ("better than what there was",)
    assert len(model_status(settings, a_definition(), last=1).decisions) == 1
    assert status.disk.artifacts_bytes > 1000


def test_the_last_nights_newest_first_with_what_was_decided(settings):
    store = NightStore(settings.database_url)
    for day in (1, 2, 3):
        store.record(a_night(datetime(2026, 5, day, 1, tzinfo=UTC)))
    status = model_status(settings, a_definition(), last=2)
    assert [night.as_of.day for night in status.nights] == [3, 2]
    assert (status.nights[0].action, status.nights[0].reasons) == ("log", ("temp moved",))


def a_night(as_of):
    digests = ("bundle_digest", "diagnosis_digest", "policy_digest", "past_digest")
    return NightDecision(
        model=MODEL,
        as_of=as_of,
        release_version="1",
        cause="covariate_shift",
        action="log",
        severity="warning",
        reasons=("temp moved",),
        alarms=(),
        probed=False,
        starts_training=False,
        new_rows=0,
        probe_digest=None,
        **dict.fromkeys(digests, "0" * 32),
    )


class TestAliases:
    @pytest.fixture
    def shown(self, settings):
        for number, against in ((1, None), (2, "1")):
            judged = judge(settings, a_bundle(settings, "baseline", seed=number), against=against)
            register(a_definition(), judged.verdict, settings)
            release_without_mlflow(settings, number, judged)
        rollback(a_definition(), settings, "broken")
        return settings

    def test_read_without_mlflow_as_mlflow_reads_them(self, shown):
        # The one place that knows MLflow's tables: should they change, this says so.
        assert read_aliases(shown, MODEL) == MlflowAliases(shown).read(MODEL)
        assert read_aliases(shown, "unknown") == {}
        assert model_status(shown, a_definition()).aliases.drift == ()

    def test_one_moved_by_hand_is_said_and_not_followed(self, shown):
        open_client(shown).set_registered_model_alias(MODEL, "champion", "2")
        open_client(shown).delete_registered_model_alias(MODEL, "previous")
        status = model_status(shown, a_definition())
        assert status.champion.version == "1"
        assert [sentence.split(":")[0] for sentence in status.aliases.drift] == [
            "MLflow shows version 2 as champion, it is version 1",
            "MLflow shows nothing as previous, it is version 2",
        ]

    def test_a_silent_server_is_no_failure(self, settings):
        silent = settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
        aliases = model_status(silent, a_definition()).aliases
        assert (aliases.shown, aliases.drift) == (None, ())


def test_scored_days_and_the_gaps_between_them(settings):
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    features = a_feature_set(settings, a_frame(rows=60, days=6))
    for number in (1, 2, 5):
        score_day(a_definition(), features, settings, date(2013, 3, number))
    scored = model_status(settings, a_definition()).scored
    assert (scored.days, scored.rows, scored.first_day, scored.last_day) == (3, 30, date(2013, 3, 1), date(2013, 3, 5))
    assert scored.missing_days == (date(2013, 3, 3), date(2013, 3, 4))
    assert DayTable(predictions_uri(settings, MODEL), Files()).version() == 2


def test_the_newest_candidate_of_each_name(settings):
    results = StageResults(settings.results_uri, MODEL, Files())
    for number, name in enumerate(("baseline", "xgboost", "baseline")):
        candidate = a_bundle(settings, name, seed=number + 1)
        results.put("train", f"key{number}", candidate)
        os.utime(results.uri("train", f"key{number}"), (number, number))
    (Path(settings.results_uri) / MODEL / "train" / "zz.json").write_text("{}")
    found = model_status(settings, a_definition()).candidates
    assert [(candidate.name, candidate.metrics) for candidate in found] == [("baseline", {}), ("xgboost", {})]
    assert found[0].bundle_digest == a_bundle(settings, "baseline", seed=3).bundle_digest


def test_the_newest_night_of_validation(settings):
    def line(as_of: datetime, outcome: str, table: str, quarantined: int) -> dict[str, object]:
        return {
            "as_of": as_of,
            "run": f"run-{as_of:%H}",
            "report": f"{as_of:%H}.html",
            "table": table,
            "name": "freshness",
            "target": "",
            "outcome": outcome,
            "quarantined_rows": quarantined,
        }

    early, late = datetime(2013, 4, 1, 3, tzinfo=UTC), datetime(2013, 4, 1, 7, tzinfo=UTC)
    rows = [line(early, "failed", "schedule", 9), line(late, "warned", "schedule", 0), line(late, "passed", "arrivals", 4)]
    DayTable(validations_uri(settings, MODEL), Files()).write_days({date(2013, 4, 1): pa.Table.from_pylist(rows)})
    night = model_status(settings, a_definition()).validation
    assert (night.as_of, night.checks) == (late, 2)
    assert (night.failed, night.warned) == ((), ("schedule: freshness",))
    assert night.quarantined_rows == {"arrivals": 4}
    assert night.report_uri.endswith("/flights/validate/07.html")


def test_neither_mlflow_nor_what_learns_is_imported():
    heavy = ("mlflow", "xgboost", "sklearn", "airflow")
    code = f"import sys, evergreen.status.queries; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


class _Guarded(BaseHTTPRequestHandler):
    """MLflow behind a password."""

    def do_GET(self):
        wanted = "Basic " + b64encode(b"reader:s3cret").decode()
        known = self.headers.get("Authorization") == wanted
        body = b'{"registered_model": {"aliases": [{"alias": "champion", "version": "7"}]}}' if known else b"{}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_an_mlflow_that_asks_for_a_password_is_asked_with_it(tmp_path, monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), _Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = Settings(home=tmp_path, mlflow_tracking_uri=f"http://127.0.0.1:{server.server_port}")
    try:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
        assert read_aliases(settings, MODEL) is None
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
        assert read_aliases(settings, MODEL) == {"champion": "7"}
    finally:
        server.shutdown()
        server.server_close()
