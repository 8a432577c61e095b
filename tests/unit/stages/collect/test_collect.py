"""Whole nights: what is joined, what is remembered, and what an old night says when it is asked again."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from evergreen.files import Files
from evergreen.stages.collect import collect, joining
from evergreen.stages.collect.prediction_source import BatchPredictions
from evergreen.tables.addresses import outcomes_uri, predictions_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.watched_rows import read_outcomes
from released_models import MODEL
from watched_model import WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 11)
ONE = timedelta(days=1)


@pytest.fixture
def model(tmp_path):
    model = WatchedModel(tmp_path, days=48)
    model.say(A, B)
    return model


def nights(model, first=A + ONE, last=B + ONE):
    return [model.collect(first + n * ONE) for n in range((last - first).days + 1)]


def version_of_outcomes(model):
    return DayTable(outcomes_uri(model.settings, MODEL), Files()).version()


def test_a_night_joins_what_was_said_with_what_came_true_by_then(model):
    tonight = model.collect(date(2013, 4, 5))
    # 5 April, 07:00: labels come a day after their row, so those of 4 April after 07:00 are still to come
    truth = model.labels[model.labels["_label_available_at"] <= model.night(date(2013, 4, 5))].set_index("_key")
    rows = model.outcomes()
    expected = [key for key, day in truth["_day"].items() if day >= A]
    assert sorted(rows["_key"]) == sorted(expected)
    assert rows["label"].tolist() == truth.loc[rows["_key"], "_label"].tolist()
    said = model.frame.set_index("_key")
    assert rows["probability"].tolist() == said.loc[rows["_key"], "_said"].tolist()
    assert set(rows["_revision"]) == {1}
    assert set(rows["_known_from"]) == {model.night(date(2013, 4, 5))}
    assert (rows["_prediction_time"] == rows["_event_time"]).all()
    assert tonight.new_outcomes == len(rows) == tonight.new_rows
    assert tonight.corrected_outcomes == 0


def test_it_says_who_is_watched_and_since_when(model):
    tonight = model.collect(date(2013, 4, 10))
    assert tonight.champion == model.champion
    assert tonight.released_at == model.night(A)
    assert (tonight.first_day, tonight.last_day) == (date(2013, 4, 3), date(2013, 4, 9))
    assert tonight.scored_rows == {date(2013, 4, day): 20 for day in range(3, 10)}
    assert tonight.missing_days == ()


def test_nothing_is_watched_before_the_first_release(model):
    before = model.collect(date(2013, 3, 31))
    assert (before.champion, before.released_at, before.scored_rows, before.outcomes_version) == (None, None, {}, -1)
    assert before.missing_days == ()
    assert (before.new_outcomes, before.new_rows) == (0, 0)


def test_the_same_night_again_adds_nothing_and_says_the_same(model):
    first = nights(model)[-1]
    version = version_of_outcomes(model)
    assert model.collect(B + ONE) == first
    assert version_of_outcomes(model) == version


def test_losing_what_is_remembered_costs_time_and_nothing_else(model):
    first = nights(model)[-1]
    rows = model.outcomes()
    assert model.collect(B + ONE, force=True) == first
    assert model.outcomes().equals(rows)


def test_late_labels_update_the_outcomes_and_the_history_stays(model):
    late = model.labels["_day"] == date(2013, 4, 3)
    model.labels.loc[late, "_label_available_at"] += timedelta(days=5)
    said = nights(model)
    counts = {night.as_of.date(): night.new_outcomes for night in said}
    assert (counts[date(2013, 4, 4)], counts[date(2013, 4, 5)], counts[date(2013, 4, 6)]) == (20, 0, 20)
    assert counts[date(2013, 4, 10)] == 40  # a day's worth, and what was late
    rows = model.outcomes()
    of_day = rows[rows["_day"] == date(2013, 4, 3)]
    assert (of_day["_revision"] == 1).all()
    assert of_day["_known_from"].min() >= model.night(date(2013, 4, 9))
    assert sum(night.new_outcomes for night in said) == len(rows)


def test_corrected_labels_are_a_further_revision(model):
    nights(model, last=date(2013, 4, 8))
    before = read_outcomes(model.collect(date(2013, 4, 8)), Files(), A, B)
    wrong = model.labels["_day"] == date(2013, 4, 3)
    keys = model.labels.loc[wrong, "_key"].tolist()[:7]
    model.labels.loc[model.labels["_key"].isin(keys), "_label"] = 1 - model.labels["_label"]
    corrected = model.collect(date(2013, 4, 9))
    assert (corrected.corrected_outcomes, corrected.new_outcomes) == (7, 20)
    rows = model.outcomes()
    changed = rows[rows["_key"].isin(keys)]
    assert sorted(changed["_revision"].unique()) == [1, 2]
    assert len(changed) == 14
    # the old night is as it was, in what it says and in what is read for it
    assert read_outcomes(model.collect(date(2013, 4, 8)), Files(), A, B).equals(before)
    now = read_outcomes(corrected, Files(), A, B).set_index("_key")
    old = before.set_index("_key")
    assert (now.loc[keys, "label"] == 1 - old.loc[keys, "label"]).all()
    others = old.index[old["label"].notna() & ~old.index.isin(keys)]
    assert (now.loc[others, "label"] == old.loc[others, "label"]).all()


def test_a_label_that_the_source_takes_back_is_unknown_again(model):
    nights(model, last=date(2013, 4, 8))
    key = model.labels.loc[model.labels["_day"] == date(2013, 4, 3), "_key"].iloc[0]
    kept = model.labels
    model.labels = kept[kept["_key"] != key]
    tonight = model.collect(date(2013, 4, 9))
    assert tonight.corrected_outcomes == 1
    assert np.isnan(read_outcomes(tonight, Files(), A, B).set_index("_key").loc[key, "label"])
    model.labels = kept
    again = model.collect(date(2013, 4, 10))
    assert again.new_outcomes == 21
    assert model.outcomes().query("_key == @key")["_revision"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("remembered", [True, False])
def test_old_nights_say_the_same_when_they_are_asked_again(model, remembered):
    said = nights(model)
    rows = {night.as_of: read_outcomes(night, Files(), A, B) for night in said}
    version = version_of_outcomes(model)
    for night in said:
        if not remembered:
            for kept in Path(model.settings.results_uri).rglob("night-*.json"):
                kept.unlink()
        again = collect(model.definition, model.settings, night.as_of)
        assert again.digest == night.digest
        assert read_outcomes(again, Files(), A, B).equals(rows[night.as_of])
    assert version_of_outcomes(model) == version


def test_a_night_that_was_skipped_is_read_from_what_is_known(model):
    model.land_labels(model.night(B + ONE))  # everything lies there, with the moments at which it could be read
    model.collect(B + ONE, land=False)
    skipped = model.collect(date(2013, 4, 6), land=False)
    rows = read_outcomes(skipped, Files(), A, B)
    known = rows[rows["label"].notna()]
    assert known["label_available_at"].max() <= model.night(date(2013, 4, 6))
    expected = model.labels[(model.labels["_day"] >= A) & (model.labels["_label_available_at"] <= skipped.as_of)]
    assert len(known) == len(expected)
    assert rows["_day"].max() == date(2013, 4, 5)  # answers of later nights are not read either
    assert model.collect(B + ONE, land=False).new_rows == 20 * 10


@pytest.mark.parametrize("remembered", [True, False])
def test_a_later_release_is_not_watched_in_an_old_night(model, remembered):
    said = nights(model, last=date(2013, 4, 8))
    before = read_outcomes(said[-1], Files(), A, B)
    second = model.release(2, "baseline", day=date(2013, 4, 10))
    # a backfill of the past by the champion of now: its runs have the old as-ofs, its answers are later knowledge
    model.say(A, B, champion=second, as_of=model.night(date(2013, 4, 2)), change=lambda said: 1 - said)
    new = model.collect(B + ONE)
    assert (new.champion, new.released_at) == (second, model.night(date(2013, 4, 10)))
    if not remembered:
        for kept in Path(model.settings.results_uri).rglob("night-*.json"):
            kept.unlink()
    old = collect(model.definition, model.settings, model.night(date(2013, 4, 8)))
    assert old.champion == model.champion
    assert old.digest == said[-1].digest
    assert read_outcomes(old, Files(), A, B).equals(before)
    assert new.corrected_outcomes == 0  # another answer, the same labels
    latest = model.outcomes().sort_values("_revision").groupby("_key").tail(1)
    assert set(latest.loc[latest["label"].notna(), "release_version"]) == {"2"}


def test_rows_that_the_champion_learned_from_are_kept_and_not_counted(model):
    model.say(date(2013, 3, 3), date(2013, 3, 6), as_of=model.night(date(2013, 4, 2)))
    tonight = model.collect(date(2013, 4, 2))
    rows = model.outcomes()
    seen = rows["_event_time"] <= rows["_trained_through"]
    assert seen.any()
    assert tonight.new_rows == (~seen).sum()
    assert tonight.new_outcomes == len(rows)


def test_days_that_nobody_scored_are_missing(tmp_path):
    model = WatchedModel(tmp_path)
    model.say(A, date(2013, 4, 4))
    model.say(date(2013, 4, 7), date(2013, 4, 7))
    tonight = model.collect(date(2013, 4, 9))
    assert tonight.missing_days == (date(2013, 4, 5), date(2013, 4, 6), date(2013, 4, 8))
    early = WatchedModel(tmp_path / "early")
    assert early.collect(date(2013, 4, 3)).missing_days == (A, date(2013, 4, 2))  # not the days before its release


def test_a_night_reads_the_days_that_can_change_and_not_the_history(model, monkeypatch):
    nights(model)
    read = []
    plain = BatchPredictions.read

    def watched(self, days):
        read.append(sorted(days))
        return plain(self, days)

    written = []
    monkeypatch.setattr(BatchPredictions, "read", watched)
    monkeypatch.setattr(joining, "_write", _noting(joining._write, written))
    model.say(B + ONE, B + ONE)
    model.collect(B + 2 * ONE)
    assert written == [[B, B + ONE]]
    assert all(min(days) >= B - 7 * ONE for days in read if days)


def _noting(write, written):
    def noting(work, days, *arguments, **named):
        written.append(sorted(days))
        return write(work, days, *arguments, **named)

    return noting


def test_labels_may_be_dated_otherwise_than_their_rows(model):
    # chargebacks: each label is filed under the day on which it came, ten days after its row
    model.labels["_day"] = model.labels["_day"].map(lambda day: day + timedelta(days=10))
    model.labels["_label_available_at"] += timedelta(days=10)
    said = nights(model, first=date(2013, 4, 12), last=date(2013, 4, 18))
    rows = model.outcomes()
    assert (rows["_day"].map(lambda day: day + timedelta(days=12)) >= rows["_known_from"].dt.date).all()
    assert sum(night.new_outcomes for night in said) == len(rows) == 20 * 6


def test_the_door_is_open_to_other_sources(model):
    class Log:
        """As a gateway's log would be."""

        def __init__(self):
            table = DayTable(predictions_uri(model.settings, MODEL), Files())
            self.batch = BatchPredictions(table.uri, table.version(), Files())

        def days(self):
            return {day: f"log-{digest}" for day, digest in self.batch.days().items() if day <= date(2013, 4, 5)}

        def read(self, days):
            return self.batch.read([day for day in days if day <= date(2013, 4, 5)])

    model.land_labels(model.night(B))
    tonight = collect(model.definition, model.settings, model.night(B), source=Log())
    assert max(model.outcomes()["_day"]) == date(2013, 4, 5)
    assert tonight.missing_days == tuple(date(2013, 4, day) for day in range(6, 11))
