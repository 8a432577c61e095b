"""A model with a champion, its answers and labels that come night by night: what the checks of monitoring look at."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.digests import digest_bytes
from evergreen.files import Files
from evergreen.registry.decisions import DecisionStore
from evergreen.results import Outcome
from evergreen.serving.log import REFUSED
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.settings import Settings
from evergreen.stages.collect import collect
from evergreen.tables.addresses import labels_uri, outcomes_uri, predictions_uri, served_uri
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable
from evergreen.tables.served_table import ServedTable
from gate_measurements import measurement
from gate_simulation import judged_model
from logged_answers import a_release, an_answer, microseconds
from released_models import (
    AS_OF,
    MODEL,
    Judged,
    a_bundle,
    a_definition,
    a_feature_set,
    a_frame,
    judge,
    release_without_mlflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evergreen.definitions.model import ModelDefinition
    from evergreen.results import ChampionVersion, Collected, FeatureSet
    from evergreen.serving.log import AnswerRecord

FIRST = date(2013, 3, 1)
RELEASED = AS_OF.date()
MONITORING = {"window": "7d", "performance": {"window": "14d", "mature_after": "7d", "min_rows": 200, "resamples": 200}}


class WatchedModel:
    """Rows from 1 March on, 20 a day; the first champion counts from 1 April, 07:00 UTC, and has learned from 1 to 4 March."""

    def __init__(self, home: Path, *, days: int = 60, rows_a_day: int = 20, monitoring: object = None) -> None:
        self.settings = Settings(home=home)
        self.files = Files()
        self.definition: ModelDefinition = a_definition(monitoring=monitoring or MONITORING, schedule={"at": "07:00"})
        self.frame = a_frame(rows=days * rows_a_day, seed=7, days=days)
        self.frame["_slice_carrier"] = self.frame["carrier"]
        self.features: FeatureSet = a_feature_set(self.settings, self.frame)
        self.champion: ChampionVersion = self.release(1, "logistic_regression")
        random = np.random.default_rng(5)
        self.frame["_said"] = random.uniform(0.05, 0.6, len(self.frame))
        self.labels = pd.DataFrame(
            {
                "_key": self.frame["_key"],
                "_day": self.frame["_day"],
                "_label": (random.random(len(self.frame)) < self.frame["_said"]).astype(float),
                "_label_available_at": self.frame["_event_time"] + timedelta(days=1),
            }
        )

    def release(self, number: int, algorithm: str, *, day: date = RELEASED, auc: float = 0.7) -> ChampionVersion:
        """Train, measure, decide as of a day's night, and release."""
        candidate = a_bundle(self.settings, algorithm, seed=number)
        judged = judged_model("challenger").model_copy(update={"bundle_digest": candidate.bundle_digest})
        data = measurement(
            champion=False, models=(judged, judged_model("baseline")), metrics={"roc_auc": (auc, None, 0.6)}
        ).to_bytes()
        uri = f"{self.settings.results_uri}/{MODEL}/evaluate/measurement-{digest_bytes(data)}.json"
        self.files.write_bytes(uri, data)
        against = None if number == 1 else str(number - 1)
        plain = judge(self.settings, candidate, against=against, outcome=Outcome.KEEP)
        changes = {
            "as_of": self.night(day),
            "outcome": Outcome.PROMOTE,
            "measurement_uri": uri,
            "measurement_digest": digest_bytes(data),
        }
        record = DecisionStore(self.settings.database_url).record(plain.record.model_copy(update=changes))
        verdict = plain.verdict.model_copy(update={"decision_id": record.id})
        return release_without_mlflow(self.settings, number, Judged(candidate, verdict, record))

    def night(self, day: date) -> datetime:
        """The nightly moment of a day."""
        return self.definition.schedule.moment(day)

    def say(
        self,
        first: date,
        last: date,
        *,
        champion: ChampionVersion | None = None,
        as_of: datetime | None = None,
        change: Callable[[pd.Series], pd.Series] = lambda said: said,
    ) -> None:
        """Answer some days as `score_day` does, each in its own night unless an as-of is named."""
        champion = champion or self.champion
        table = DayTable(predictions_uri(self.settings, MODEL), self.files)
        version = table.version()
        present = {} if version is None else table.partitions(version)
        written = {}
        for day in [first + timedelta(days=n) for n in range((last - first).days + 1)]:
            rows = self._answers(day, champion, as_of or self.night(day + timedelta(days=1)), change)
            if day in present:
                older = table.read(version, days=[day]).drop_columns([DAY, DIGEST, POSITION])
                number = max(older.column("_scoring").to_pylist()) + 1
                rows = rows.set_column(rows.column_names.index("_scoring"), "_scoring", pa.array([number] * rows.num_rows))
                rows = pa.concat_tables([older, rows.select(older.column_names)])
            written[day] = rows
        table.write_days(written)

    def _answers(
        self, day: date, champion: ChampionVersion, as_of: datetime, change: Callable[[pd.Series], pd.Series]
    ) -> pa.Table:
        rows = self.frame[self.frame["_day"] == day]
        said, moment, n = change(rows["_said"]), pa.timestamp("us", tz="UTC"), len(rows)
        return pa.table(
            {
                "_key": pa.array(rows["_key"], pa.string()),
                "_event_time": pa.array(rows["_event_time"], moment),
                "probability": pa.array(said.to_numpy(), pa.float64()),
                "decision": pa.array((said >= 0.4).to_numpy(), pa.bool_()),
                "release_version": pa.array([champion.version] * n),
                "bundle_digest": pa.array([champion.bundle_digest] * n),
                "features_digest": pa.array(["f" * 32] * n),
                "as_of": pa.array([as_of] * n, moment),
                "_trained_through": pa.array([champion.trained_through] * n, moment),
                "_features_uri": pa.array([self.features.uri] * n),
                "_features_version": pa.array([self.features.version] * n, pa.int64()),
                "_scoring": pa.array([1] * n, pa.int64()),
            }
        )

    def serve(
        self,
        first: date,
        last: date,
        *,
        champion: ChampionVersion | None = None,
        change: Callable[[pd.Series], pd.Series] = lambda said: said,
        asked: timedelta = timedelta(),
        sender: str = "worker",
        **changes: object,
    ) -> None:
        """Answer some days as the gateway does, each row at its moment of prediction or so much later."""
        champion = champion or self.champion
        rows = self.frame[(self.frame["_day"] >= first) & (self.frame["_day"] <= last)]
        answers = [
            a_served_answer(row, float(said), champion, asked, changes)
            for row, said in zip(rows.to_dict("records"), change(rows["_said"]), strict=True)
        ]
        release = a_release(champion.bundle_digest, timezone=self.definition.schedule.timezone)
        table = ServedTable(served_uri(self.settings, MODEL), self.files)
        table.append(served_rows(answers, {champion.bundle_digest: release}), sender=sender, number=table.shipped(sender) + 1)

    def refuse(self, day: date, kind: str, requests: int) -> None:
        """Leave requests of a day unanswered, as the gateway counts them."""
        row = self.frame[self.frame["_day"] == day].to_dict("records")[0]
        refused = a_served_answer(row, 0.5, self.champion, timedelta(), {"role": REFUSED, "error": kind, "requests": requests})
        release = a_release(self.champion.bundle_digest, timezone=self.definition.schedule.timezone)
        table = ServedTable(served_uri(self.settings, MODEL), self.files)
        rows = served_rows([refused], {self.champion.bundle_digest: release})
        table.append(rows, sender="refusing", number=table.shipped("refusing") + 1)

    def land_labels(self, as_of: datetime) -> None:
        """Bring the labels table up to an as-of, as `build_features` does."""
        visible = self.labels[self.labels["_label_available_at"] <= as_of]
        days = {
            day: pa.Table.from_pandas(rows.drop(columns="_day").sort_values("_key"), preserve_index=False)
            for day, rows in visible.groupby("_day")
        }
        if days:
            DayTable(labels_uri(self.settings, MODEL), self.files).write_days(days)

    def collect(self, day: date, *, land: bool = True, force: bool = False) -> Collected:
        """One night: what has come by then is landed, then collected."""
        as_of = self.night(day)
        if land:
            self.land_labels(as_of)
        return collect(self.definition, self.settings, as_of, force=force)

    def outcomes(self) -> pd.DataFrame:
        """Every revision there is."""
        table = DayTable(outcomes_uri(self.settings, MODEL), self.files)
        return table.read(table.version()).to_pandas(date_as_object=True)


def a_served_answer(
    row: dict[str, Any], said: float, champion: ChampionVersion, asked: timedelta, changes: dict[str, object]
) -> AnswerRecord:
    """What the gateway logs of one row of the frame."""
    event = microseconds(row["_event_time"].to_pydatetime())
    moment = microseconds(row["_prediction_time"].to_pydatetime())
    hour = None if np.isnan(row["hour"]) else f"{row['hour']:.0f}"
    value: dict[str, Any] = {
        "request_id": f"request-{row['_key']}-{asked.total_seconds():.0f}-{champion.version}",
        "key": row["_key"],
        "event_time_us": event,
        "moment_us": moment,
        "answered_at_us": moment + asked // timedelta(microseconds=1),
        "release_version": champion.version,
        "bundle_digest": champion.bundle_digest,
        "trained_through_us": microseconds(champion.trained_through),
        "online_as_of_us": moment - 3_600_000_000,
        "inputs": {"id": row["_key"], "carrier": row["carrier"]},
        "features": [float(row["distance"]), float(row["temp"]), row["carrier"], hour],
        "probability": said,
        "decision": said >= 0.4,
    }
    return an_answer(0, **(value | changes))
