"""The whole stage on stored features, stored labels and a true bundle; only what the champion said comes from the test."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, RequestError
from evergreen.files import Files
from evergreen.observation import ProbeMeasurement
from evergreen.results import ChampionVersion, Collected
from evergreen.settings import Settings
from evergreen.stages.probe import probe, rows
from evergreen.tables.addresses import labels_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.night_files import read_evidence
from released_models import MODEL, a_bundle, a_definition, a_feature_set, a_frame

DAYS = 40
LAST_DAY = date(2013, 3, 1) + timedelta(days=DAYS - 1)
AS_OF = datetime(2013, 4, 10, 7, tzinfo=UTC)
LAST_MATURE = date(2013, 4, 2)
"""Seven days and seven hours before the as-of ends the day before."""
DEFINITION = a_definition(
    gate={"resamples": 200, "holdout": "12d"}, training={"min_rows": 200}, retraining={"probe": {"holdout": "10d"}}
)


class Night:
    """Features and labels of forty days, and a champion that knows nothing of them."""

    def __init__(self, home):
        self.settings = Settings(home=home)
        frame = a_frame(rows=4000, seed=7, days=DAYS)
        self.features = self._write(frame)
        bundle = a_bundle(self.settings, "logistic_regression")
        self.champion = ChampionVersion(
            model=MODEL,
            version="4",
            bundle_uri=bundle.bundle_uri,
            bundle_digest=bundle.bundle_digest,
            decision_id="d" * 32,
            mlflow_run_id="",
            trained_through=datetime(2013, 3, 10, 23, tzinfo=UTC),
            features_source_digest="s",
        )
        self.answers = pd.DataFrame(
            {
                "_key": frame["_key"],
                "_day": frame["_day"],
                "_event_time": frame["_event_time"],
                "probability": np.random.default_rng(5).uniform(0.1, 0.9, len(frame)),
                "decision": True,
                "release_version": "4",
                "_trained_through": pd.Timestamp(self.champion.trained_through),
                "label": 1.0,
                "label_available_at": frame["_event_time"] + timedelta(days=1),
            }
        )

    def _write(self, frame):
        features = a_feature_set(self.settings, frame, as_of=AS_OF)
        chance = 1 / (1 + np.exp(-(frame["temp"].fillna(40) + 10 * (frame["carrier"] == "AA") - 52) / 6))
        labels = frame[["_key", "_day"]].assign(
            _label=(np.random.default_rng(3).random(len(frame)) < chance).astype(float),
            _label_available_at=frame["_event_time"] + timedelta(days=1),
        )
        days = {
            day: pa.Table.from_pandas(part.drop(columns="_day"), preserve_index=False) for day, part in labels.groupby("_day")
        }
        uri = labels_uri(self.settings, MODEL)
        written = DayTable(uri, Files()).write_days(days)
        return features.model_copy(update={"labels_uri": uri, "labels_version": written.version})

    def collected(self, **changes):
        values = {
            "model": MODEL,
            "as_of": AS_OF,
            "champion": self.champion,
            "released_at": AS_OF - timedelta(days=20),
            "first_day": LAST_DAY - timedelta(days=6),
            "last_day": LAST_DAY,
            "predictions_uri": "/p",
            "predictions_version": 1,
            "outcomes_uri": "/o",
            "outcomes_version": 1,
            "scored_rows": {},
            "missing_days": (),
            "new_outcomes": 0,
            "corrected_outcomes": 0,
            "new_rows": 3000,
            "digest": "c" * 32,
        }
        return Collected.model_validate(values | changes)

    def ask(self, definition=DEFINITION, features=None, force=False, alarmed=True, **changes):
        return probe(
            definition, self.collected(**changes), features or self.features, self.settings, alarmed=alarmed, force=force
        )

    def measured(self, probed):
        return read_evidence(ProbeMeasurement, probed.measurement_uri, probed.measurement_digest, Files())


@pytest.fixture
def night(tmp_path, monkeypatch):
    night = Night(tmp_path)
    night.reads = 0

    def read(collected, files, first, last):
        night.reads += 1
        answers = night.answers
        return answers[(answers["_day"] >= first) & (answers["_day"] <= last)].reset_index(drop=True)

    monkeypatch.setattr(rows, "read_outcomes", read)
    return night


def test_a_refit_beats_a_champion_that_guesses_on_the_newest_matured_days(night):
    probed = night.ask()
    found = night.measured(probed)
    assert probed.lower == found.lower > 0.05
    assert (found.probe_first_day, found.probe_last_day, found.probe_days) == (date(2013, 3, 24), LAST_MATURE, 10)
    assert (found.training_rows, found.probe_rows) == (2300, 1000)
    assert (found.metric, found.release_version, found.bundle_digest) == ("roc_auc", "4", night.champion.bundle_digest)
    assert probed.measurement_digest == digest_bytes(found.to_bytes())


def test_it_is_done_once_and_again_only_for_other_inputs_or_when_it_is_lost(night):
    first = night.ask()
    assert night.ask() == first
    assert night.reads == 1
    assert night.ask(force=True).measurement_digest == first.measurement_digest
    night.ask(a_definition(**{**_sections(), "retraining": {"probe": {"holdout": "9d"}}}))
    night.ask(digest="e" * 32)
    assert night.reads == 4
    Path(first.measurement_uri).unlink()
    assert night.ask().measurement_digest == first.measurement_digest
    assert night.reads == 5


def _sections():
    return {"gate": {"resamples": 200, "holdout": "12d"}, "training": {"min_rows": 200}}


def test_what_the_champion_or_another_release_said_before_is_no_evidence(night):
    days = night.answers["_day"]
    night.answers.loc[days <= date(2013, 3, 26), "release_version"] = "3"
    night.answers.loc[days == date(2013, 3, 27), "_trained_through"] = pd.Timestamp("2013-03-27T23:59Z")
    night.answers.loc[days == date(2013, 3, 28), "label"] = np.nan
    night.answers.loc[days == date(2013, 3, 29), "probability"] = np.nan
    found = night.measured(night.ask())
    assert (found.probe_first_day, found.probe_days) == (date(2013, 3, 30), 4)
    assert found.training_rows == 2900  # whatever lies before the first judged day is there to be learned from


def test_days_the_champion_has_learned_from_are_not_judged(night):
    night.champion = night.champion.model_copy(update={"trained_through": datetime(2013, 3, 29, 1, tzinfo=UTC)})
    assert night.measured(night.ask()).probe_first_day == date(2013, 3, 30)
    night.champion = night.champion.model_copy(update={"trained_through": AS_OF})
    found = night.measured(night.ask(force=True))
    assert (found.probe_rows, found.probe_first_day, found.improvement) == (0, None, None)


def test_set_aside_days_are_neither_learned_from_nor_judged(night):
    aside = (date(2013, 3, 5), date(2013, 3, 30))
    found = night.measured(night.ask(features=night.features.model_copy(update={"excluded_days": aside})))
    assert (found.training_rows, found.probe_days) == (2200, 9)


def test_a_window_of_history_is_all_that_is_learned_from(night):
    windowed = a_definition(
        gate=_sections()["gate"],
        training={"min_rows": 200, "window": "10d", "search": {"folds": 1, "fold": "3d"}},
        retraining={"probe": {"holdout": "10d"}},
    )
    assert night.measured(night.ask(windowed)).training_rows == 1000


def test_nothing_is_compared_without_a_champion_or_with_features_of_another_moment(night):
    with pytest.raises(RequestError, match="nothing to compare"):
        night.ask(champion=None)
    with pytest.raises(RequestError, match="nothing to compare"):
        night.ask(features=night.features.model_copy(update={"as_of": AS_OF - timedelta(days=1)}))


def test_a_bundle_that_was_changed_is_not_compared_with(night):
    night.champion = night.champion.model_copy(update={"bundle_digest": "0" * 32})
    with pytest.raises(DigestMismatchError):
        night.ask()
