"""Monitoring of what the gateway told its callers, alone and beside the nightly batch."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.definitions.monitoring import Monitoring
from evergreen.files import Files
from evergreen.stages.check_operations import check_operations
from evergreen.stages.check_quality import check_quality
from evergreen.stages.collect.prediction_source import Answered, UnionOfPredictions
from evergreen.tables.predictions import said_last
from evergreen.tables.watched_rows import read_outcomes, read_trailing, read_watched
from watched_model import MONITORING, WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 5)
TONIGHT = date(2013, 4, 6)


def a_model(home, answers):
    return WatchedModel(home, days=40, monitoring={**MONITORING, "answers": answers})


@pytest.fixture
def model(tmp_path):
    """Every row of five days, asked for at its moment of prediction."""
    model = a_model(tmp_path, "gateway")
    model.serve(A, B)
    return model


def rows_of(model, first=A, last=B):
    return model.frame[(model.frame["_day"] >= first) & (model.frame["_day"] <= last)].set_index("_key")


def test_the_gateways_answers_are_joined_with_what_came_true(model):
    tonight = model.collect(TONIGHT)
    assert (tonight.answers, tonight.predictions_version, tonight.served_version) == ("gateway", -1, 0)
    assert tonight.scored_rows == {A + timedelta(days=number): 20 for number in range(5)}
    rows = read_outcomes(tonight, Files(), A, B)
    assert len(rows) == 100
    truth = model.labels.set_index("_key").loc[rows["_key"]]
    has_come = (truth["_label_available_at"] <= tonight.as_of).to_numpy()
    assert rows.loc[has_come, "label"].tolist() == truth.loc[has_come, "_label"].tolist()
    assert rows["probability"].tolist() == rows_of(model).loc[rows["_key"], "_said"].tolist()
    assert (rows["_trained_through"] == pd.Timestamp(model.champion.trained_through)).all()


def test_the_same_rows_are_watched_as_after_a_nightly_scoring(model, tmp_path):
    """The same answers by either road: the same features, the same outcomes."""
    other = a_model(tmp_path / "batch", "batch")
    other.say(A, B)
    gateway, batch = model.collect(TONIGHT), other.collect(TONIGHT)
    for read in (read_watched, read_outcomes):
        ours, theirs = read(gateway, Files(), A, B), read(batch, Files(), A, B)
        pd.testing.assert_frame_equal(
            ours.drop(columns="_slice_carrier", errors="ignore"), theirs.drop(columns="_slice_carrier")
        )
    trailing = [read_trailing(each, Files(), A, B).sort_values("_key", ignore_index=True) for each in (gateway, batch)]
    pd.testing.assert_frame_equal(*trailing)
    assert gateway.new_outcomes == batch.new_outcomes > 0
    assert gateway.scored_rows == batch.scored_rows


def test_the_checks_run_on_the_gateways_answers(model):
    tonight = model.collect(TONIGHT)
    assert check_quality(model.definition, tonight, model.settings).severity
    assert check_operations(model.definition, tonight, model.settings).severity


def test_slices_come_from_the_request_or_else_from_the_features(tmp_path):
    model = a_model(tmp_path, "gateway")
    gate = model.definition.gate.model_validate(
        {"slices": [{"by": "carrier"}, {"by": "hour"}, {"by": "distance"}, {"by": "none"}]}
    )
    model.definition = model.definition.model_copy(update={"gate": gate})
    model.serve(A, A)
    rows = read_outcomes(model.collect(TONIGHT), Files(), A, A)
    asked = rows_of(model, A, A).loc[rows["_key"]]
    assert rows["_slice_carrier"].tolist() == asked["carrier"].where(asked["carrier"].notna(), None).tolist()
    assert rows["_slice_distance"].tolist() == [str(value) for value in asked["distance"]]
    assert rows["_slice_hour"].tolist() == [None if np.isnan(value) else f"{value:.0f}" for value in asked["hour"]]
    assert rows["_slice_none"].isna().all()


def test_of_the_same_row_the_last_answer_counts(model):
    model.serve(B, B, change=lambda said: said / 2, asked=timedelta(minutes=5))
    model.serve(B, B, change=lambda said: said / 4, asked=timedelta(minutes=2))
    tonight = model.collect(TONIGHT)
    assert tonight.scored_rows[B] == 20
    rows = read_watched(tonight, Files(), B, B)
    np.testing.assert_array_equal(rows["probability"], rows_of(model, B, B).loc[rows["_key"], "_said"] / 2)


def test_an_answer_that_rests_on_later_knowledge_is_no_evidence(model):
    asked = rows_of(model, B, B)
    late = pd.Timestamp(asked["_prediction_time"].max()).value // 1000 + 1
    model.serve(B, B, change=lambda said: said / 2, asked=timedelta(days=2), online_as_of_us=late)
    rows = read_watched(model.collect(TONIGHT), Files(), B, B)
    np.testing.assert_array_equal(rows["probability"], asked.loc[rows["_key"], "_said"])


def test_what_no_caller_got_is_no_answer(model):
    model.serve(B, B, change=lambda said: said / 2, asked=timedelta(minutes=5), role="shadow")
    rows = read_watched(model.collect(TONIGHT), Files(), B, B)
    np.testing.assert_array_equal(rows["probability"], rows_of(model, B, B).loc[rows["_key"], "_said"])


def test_answers_that_come_in_are_seen_by_the_next_night(model):
    first = model.collect(TONIGHT)
    model.serve(A, A, change=lambda said: said / 2, asked=timedelta(minutes=5))
    second = model.collect(TONIGHT)
    assert second.served_version == first.served_version + 1
    assert second.digest != first.digest
    assert model.collect(TONIGHT) == second
    before = read_watched(first, Files(), A, A)
    np.testing.assert_array_equal(before["probability"], rows_of(model, A, A).loc[before["_key"], "_said"])


def test_an_older_night_stays_as_it_was(model):
    older = model.collect(date(2013, 4, 4))
    model.collect(TONIGHT)
    model.serve(A, A, change=lambda said: said / 2, asked=timedelta(minutes=5))
    assert model.collect(date(2013, 4, 4)) == older


def test_days_that_nobody_asked_about_are_missing(model):
    night = model.collect(date(2013, 4, 8))
    assert night.missing_days == (date(2013, 4, 6), date(2013, 4, 7))


def test_before_the_first_answer_there_is_nothing(tmp_path):
    for answers in ("gateway", "both"):
        model = a_model(tmp_path / answers, answers)
        tonight = model.collect(TONIGHT)
        assert (tonight.served_version, tonight.scored_rows) == (-1, {})
        assert read_watched(tonight, Files(), A, B).empty
        assert read_outcomes(tonight, Files(), A, B).empty
        assert read_trailing(tonight, Files(), A, B).empty


def test_another_releases_answers_are_not_the_champions(model):
    second = model.release(2, "baseline", day=TONIGHT)
    model.serve(B, B, champion=second, change=lambda said: 1 - said)
    tonight = model.collect(TONIGHT)
    assert set(read_watched(tonight, Files(), A, B)["release_version"]) == {"2"}
    assert tonight.scored_rows == {B: 20}
    yesterday = model.collect(B)
    assert set(read_outcomes(yesterday, Files(), A, B)["release_version"]) == {"1"}


# Both


def test_of_both_what_was_said_last_of_a_row_counts(tmp_path):
    """A row that only the gateway was asked about keeps its answer; on others the batch has the last word."""
    model = a_model(tmp_path, "both")
    model.serve(A, B, change=lambda said: said / 2)
    model.say(A, A)
    later = {"as_of": model.night(TONIGHT)}
    model.say(B, B, change=lambda said: said / 4, **later)
    tonight = model.collect(TONIGHT)
    assert tonight.scored_rows == {A + timedelta(days=number): 20 for number in range(5)}
    rows = read_watched(tonight, Files(), A, B)
    said = rows_of(model).loc[rows["_key"], "_said"].to_numpy()
    share = np.select([rows["_day"] == A, rows["_day"] == B], [1.0, 0.25], 0.5)
    np.testing.assert_allclose(rows["probability"], said * share)
    np.testing.assert_array_equal(rows["distance"], rows_of(model).loc[rows["_key"], "distance"])
    assert len(read_outcomes(tonight, Files(), A, B)) == 100


def test_an_answer_given_after_the_batch_replaces_it(tmp_path):
    """Rows that are predicted days ahead may be asked about after a night has scored them."""
    model = a_model(tmp_path, "both")
    model.say(A, A, as_of=model.night(A) - timedelta(days=1))
    model.serve(A, A, change=lambda said: said / 2)
    rows = read_watched(model.collect(TONIGHT), Files(), A, A)
    np.testing.assert_allclose(rows["probability"], rows_of(model, A, A).loc[rows["_key"], "_said"] / 2)


def test_the_digest_of_a_day_is_that_of_all_sources(tmp_path):
    model = a_model(tmp_path, "both")
    model.serve(A, A)
    days = [Answered.now(model.definition, model.settings, Files()).source(Files()).days()]
    model.say(A, A)
    days.append(Answered.now(model.definition, model.settings, Files()).source(Files()).days())
    model.serve(A, A, asked=timedelta(minutes=5))
    source = Answered.now(model.definition, model.settings, Files()).source(Files())
    days.append(source.days())
    assert isinstance(source, UnionOfPredictions)
    assert len({each[A] for each in days}) == 3
    assert source.read([A]).num_rows == 60
    assert source.read([]).num_rows == 0


def test_watching_the_batch_reads_nothing_of_the_gateway(tmp_path):
    model = a_model(tmp_path, "batch")
    model.serve(A, B, change=lambda said: said / 2)
    model.say(A, B)
    tonight = model.collect(TONIGHT)
    assert (tonight.served_uri, tonight.served_version) == ("", -1)
    rows = read_watched(tonight, Files(), A, B)
    np.testing.assert_array_equal(rows["probability"], rows_of(model).loc[rows["_key"], "_said"])
    assert Monitoring().answers == "batch"


def test_scorings_and_single_answers_of_one_table(tmp_path):
    """Rules of `said_last` on plain rows."""
    model = a_model(tmp_path, "both")
    night = model.night(TONIGHT)
    moments, moment = [night - timedelta(hours=hours) for hours in range(6)], pa.timestamp("us", "UTC")
    rows = pa.table(
        {
            "_key": ["a", "a", "b", "a", "a", "b"],
            "_day": pa.array([A] * 6, pa.date32()),
            "as_of": pa.array(
                [moments[3], moments[2], moments[2], moments[1], moments[1], moments[4]], pa.timestamp("us", "UTC")
            ),
            "_scoring": pa.array([1, 2, 2, None, None, None], pa.int64()),
            "_answered_at": pa.array([None, None, None, moments[0], moments[5], moments[0]], moment),
            "release_version": ["1"] * 6,
            "probability": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        }
    )
    assert said_last(rows, night, ["1"]).column("probability").to_pylist() == [0.3, 0.4]
    assert said_last(rows, moments[2], ["1"]).column("probability").to_pylist() == [0.2, 0.3]
    assert said_last(rows, moments[3], ["1"]).column("probability").to_pylist() == [0.1, 0.6]
    assert said_last(rows, night, ["2"]).num_rows == 0
