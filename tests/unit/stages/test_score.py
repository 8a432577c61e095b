import logging
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import create_engine, text

from evergreen.errors import DigestMismatchError, FeatureError, RegistryError, RequestError, UndecidedError
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.results import Outcome
from evergreen.settings import Settings
from evergreen.stages.score import missed_days, released_features, score_day, score_night
from evergreen.tables.addresses import predictions_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.feature_frames import read_features
from evergreen.tables.predictions import FEATURES_URI, FEATURES_VERSION, SCORING, TRAINED_THROUGH
from released_models import (
    MODEL,
    SOURCE,
    a_bundle,
    a_definition,
    a_feature_set,
    a_frame,
    a_layout,
    judge,
    release_without_mlflow,
)

DAY = date(2013, 3, 2)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def champion(settings):
    return release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "logistic_regression")))


@pytest.fixture
def features(settings):
    return a_feature_set(settings, a_frame(seed=7))


def stored(settings: Settings, day: date = DAY):
    table = DayTable(predictions_uri(settings, MODEL), Files())
    return table.read(table.version(), days=[day])


def test_a_day_holds_what_the_champion_says(settings, champion, features):
    scored = score_day(a_definition(), features, settings, DAY)
    rows, frame = stored(settings).to_pandas(), read_features(features, Files(), first_day=DAY, last_day=DAY)
    predictor = load_predictor(Files(), champion.bundle_uri, champion.bundle_digest)
    assert (scored.rows, scored.written, scored.release_version) == (len(frame), True, "1")
    assert rows["_key"].tolist() == frame["_key"].tolist()
    assert np.array_equal(rows["probability"], predictor.probability(frame))
    assert rows["decision"].tolist() == (rows["probability"] >= 0.4).tolist()
    assert set(rows["release_version"]) == {"1"}
    assert set(rows["bundle_digest"]) == {champion.bundle_digest}
    assert rows["_event_time"].dt.date.eq(DAY).all()


def test_a_row_says_where_the_features_are_that_it_answers(settings, champion, features):
    score_day(a_definition(), features, settings, DAY)
    rows = stored(settings)
    assert (rows.schema.field(FEATURES_URI).type, rows.schema.field(FEATURES_VERSION).type) == (pa.string(), pa.int64())
    assert set(rows.column(FEATURES_URI).to_pylist()) == {features.uri}
    assert set(rows.column(FEATURES_VERSION).to_pylist()) == {features.version}


def test_the_same_features_under_another_version_are_no_other_scoring(settings, champion, features):
    score_day(a_definition(), features, settings, DAY)
    DayTable(features.uri, Files()).write_days({date(2013, 4, 1): pa.table({"_key": ["another day"]})})
    moved = features.model_copy(update={"version": features.version + 1})
    assert not score_day(a_definition(), moved, settings, DAY, force=True).written
    assert set(stored(settings).column(FEATURES_VERSION).to_pylist()) == {features.version}


@pytest.mark.parametrize("force", [False, True])
def test_scoring_again_adds_nothing(settings, champion, features, force):
    first = score_day(a_definition(), features, settings, DAY)
    later = features.model_copy(update={"as_of": datetime(2013, 4, 9, tzinfo=UTC)})
    again = score_day(a_definition(), later, settings, DAY, force=force)
    assert again == first.model_copy(update={"written": False})


def test_another_release_adds_its_answers_beside_the_older_ones(settings, champion, features):
    first = score_day(a_definition(), features, settings, DAY)
    before = stored(settings)
    release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline"), against="1"))
    second = score_day(a_definition(), features, settings, DAY)
    rows = stored(settings)
    assert (second.release_version, second.written) == ("2", True)
    old = rows.filter(pc.equal(rows.column("release_version"), "1"))
    assert old.select(["_key", "probability", "as_of"]) == before.select(["_key", "probability", "as_of"])
    assert rows.num_rows == 2 * first.rows
    assert sorted(set(rows.column(SCORING).to_pylist())) == [1, 2]


def test_an_earlier_version_may_be_named(settings, champion, features):
    release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline"), against="1"))
    assert score_day(a_definition(), features, settings, DAY, champion=champion).release_version == "1"


def test_corrected_features_are_another_scoring(settings, champion, features):
    score_day(a_definition(), features, settings, DAY)
    corrected = a_frame(seed=7)
    corrected.loc[corrected["_day"] == DAY, "temp"] += 20
    again = score_day(a_definition(), a_feature_set(settings, corrected), settings, DAY)
    assert again.written
    assert stored(settings).num_rows == 2 * again.rows
    assert not score_day(a_definition(), a_feature_set(settings, corrected), settings, DAY).written


def test_other_days_are_left_alone(settings, champion, features):
    score_day(a_definition(), features, settings, DAY)
    before = DayTable(predictions_uri(settings, MODEL), Files()).partitions()
    score_day(a_definition(), features, settings, date(2013, 3, 3))
    after = DayTable(predictions_uri(settings, MODEL), Files()).partitions()
    assert after[DAY] == before[DAY]
    assert set(after) == {DAY, date(2013, 3, 3)}


def _at_once(calls):
    failed = []
    start = threading.Barrier(len(calls))

    def run(call) -> None:
        start.wait()
        try:
            call()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(error) for error in failed] == []


def test_a_backfill_may_score_many_days_at_once(settings, champion):
    features = a_feature_set(settings, a_frame(rows=600, seed=8, days=6))
    days = [date(2013, 3, number) for number in range(1, 7)]
    _at_once([lambda day=day: score_day(a_definition(), features, settings, day) for day in days])
    partitions = DayTable(predictions_uri(settings, MODEL), Files()).partitions()
    assert {day: partition.rows for day, partition in partitions.items()} == dict.fromkeys(days, 100)


def test_releases_that_score_the_same_day_at_once_all_keep_their_answers(settings, champion, features):
    versions = [champion]
    for number in range(2, 5):
        judged = judge(settings, a_bundle(settings, "baseline", seed=number), against=str(number - 1))
        versions.append(release_without_mlflow(settings, number, judged))
    _at_once(
        [lambda version=version: score_day(a_definition(), features, settings, DAY, champion=version) for version in versions]
    )
    rows = stored(settings)
    assert sorted(set(rows.column("release_version").to_pylist())) == ["1", "2", "3", "4"]
    assert sorted(set(rows.column(SCORING).to_pylist())) == [1, 2, 3, 4]


def test_a_day_without_rows_is_no_failure(settings, champion):
    frame = a_frame(seed=7)
    features = a_feature_set(settings, frame[frame["_day"] != DAY])
    scored = score_day(a_definition(), features, settings, DAY)
    assert (scored.rows, scored.written) == (0, False)


class TestARestoredRelease:
    @pytest.fixture
    def restored(self, settings, champion, features):
        """Version 1 scores the day, then version 2; then version 1 is the champion again."""
        score_day(a_definition(), features, settings, DAY)
        second = release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline"), against="1"))
        score_day(a_definition(), features, settings, DAY, champion=second)
        return champion

    @pytest.mark.parametrize("force", [False, True])
    def test_has_the_last_word(self, settings, restored, features, force):
        before = stored(settings)
        again = score_day(a_definition(), features, settings, DAY, champion=restored, force=force)
        rows = stored(settings)
        last = rows.filter(pc.equal(rows.column(SCORING), pc.max(rows.column(SCORING))))
        assert (again.release_version, again.written) == ("1", True)
        assert set(last.column(SCORING).to_pylist()) == {3}
        assert set(last.column("release_version").to_pylist()) == {"1"}
        kept = ["_key", "release_version", "probability", "as_of", SCORING]
        assert rows.slice(0, before.num_rows).select(kept) == before.select(kept)

    @pytest.mark.parametrize("force", [False, True])
    def test_says_it_once(self, settings, restored, features, force):
        first = score_day(a_definition(), features, settings, DAY, champion=restored)
        version = DayTable(predictions_uri(settings, MODEL), Files()).version()
        again = score_day(a_definition(), features, settings, DAY, champion=restored, force=force)
        assert again == first.model_copy(update={"written": False})
        assert DayTable(predictions_uri(settings, MODEL), Files()).version() == version


class TestRowsTheChampionHasTrainedOn:
    def test_every_row_says_how_far_its_release_had_seen(self, settings, champion, features):
        score_day(a_definition(), features, settings, DAY)
        through = stored(settings).column(TRAINED_THROUGH)
        assert through.type == pa.timestamp("us", tz="UTC")
        assert set(through.to_pylist()) == {champion.trained_through}

    @pytest.mark.parametrize(("before_the_first", "told"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
    def test_a_day_it_has_seen_is_told(self, settings, champion, features, caplog, before_the_first, told):
        first = read_features(features, Files(), first_day=DAY, last_day=DAY)["_event_time"].min().to_pydatetime()
        seen = champion.model_copy(update={"trained_through": first - before_the_first})
        with caplog.at_level(logging.WARNING, logger="evergreen.stages.score"):
            score_day(a_definition(), features, settings, DAY, champion=seen)
        assert ("2013-03-02" in caplog.text and "version 1" in caplog.text) is told
        assert bool(caplog.records) is told

    def test_days_scored_before_it_was_kept_stay_as_they_are(self, settings, champion, features):
        score_day(a_definition(), features, settings, DAY)
        table, other = DayTable(predictions_uri(settings, MODEL), Files()), date(2013, 3, 3)
        table.write_days({DAY: stored(settings).drop_columns([TRAINED_THROUGH, "_day", "_digest", "_position"])})
        assert TRAINED_THROUGH not in table.schema().names
        score_day(a_definition(), features, settings, other)
        version = table.version()
        assert not score_day(a_definition(), features, settings, DAY, force=True).written
        assert table.version() == version
        assert stored(settings).column(TRAINED_THROUGH).null_count == stored(settings).num_rows
        assert stored(settings, other).column(TRAINED_THROUGH).null_count == 0


class TestRefusals:
    def test_without_a_champion(self, settings, features):
        with pytest.raises(RegistryError, match="no champion"):
            score_day(a_definition(), features, settings, DAY)

    def test_a_champion_without_a_decision(self, settings, features, champion):
        with pytest.raises(UndecidedError):
            score_day(a_definition(), features, settings, DAY, champion=champion.model_copy(update={"decision_id": "0" * 32}))

    def test_a_champion_whose_decision_says_keep(self, settings, features, champion):
        kept = judge(settings, a_bundle(settings, "baseline"), outcome=Outcome.KEEP)
        changes = {"decision_id": kept.record.id, "bundle_digest": kept.candidate.bundle_digest}
        with pytest.raises(UndecidedError, match="says keep"):
            score_day(a_definition(), features, settings, DAY, champion=champion.model_copy(update=changes))

    def test_bytes_that_nobody_decided_on(self, settings, features, champion):
        other = a_bundle(settings, "baseline", seed=9)
        changes = {"bundle_uri": other.bundle_uri, "bundle_digest": other.bundle_digest}
        with pytest.raises(UndecidedError, match="something else"):
            score_day(a_definition(), features, settings, DAY, champion=champion.model_copy(update=changes))

    @pytest.mark.parametrize("name", ["model.json", "manifest.json", "features.py"])
    def test_one_changed_byte(self, settings, features, champion, name):
        path = Path(champion.bundle_uri) / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(DigestMismatchError):
            score_day(a_definition(), features, settings, DAY)
        with pytest.raises(DigestMismatchError):
            released_features(champion, settings)
        assert DayTable(predictions_uri(settings, MODEL), Files()).version() is None

    def test_features_of_other_code(self, settings, champion):
        features = a_feature_set(settings, a_frame(seed=7), source="# another\n")
        with pytest.raises(FeatureError, match="other code"):
            score_day(a_definition(), features, settings, DAY)

    @pytest.mark.parametrize("change", [{"history": timedelta(days=2)}, {"predict_before": timedelta(hours=1)}])
    def test_features_built_from_another_model_yaml(self, settings, features, change):
        learned = a_bundle(settings, "logistic_regression", layout=a_layout(**change))
        release_without_mlflow(settings, 1, judge(settings, learned))
        with pytest.raises(FeatureError, match=r"another model\.yaml") as caught:
            score_day(a_definition(), features, settings, DAY)
        assert a_layout().digest in caught.value.found
        assert a_layout(**change).digest in caught.value.allowed
        own = features.model_copy(update={"layout_digest": a_layout(**change).digest})
        assert score_day(a_definition(), own, settings, DAY).written

    @pytest.mark.parametrize("day", [date(2013, 2, 28), date(2013, 3, 5)])
    def test_days_outside_the_features(self, settings, champion, features, day):
        with pytest.raises(RequestError, match="cannot be scored"):
            score_day(a_definition(), features, settings, day)

    def test_a_pointer_moved_in_the_database_by_hand(self, settings, champion):
        engine = create_engine(settings.database_url)
        with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
            connection.execute(text("UPDATE evergreen_versions SET bundle_digest = 'x'"))
        engine.dispose()


def test_the_champions_own_feature_code_and_layout_come_with_it(settings, champion):
    released = released_features(champion, settings)
    assert (released.source, released.layout) == (SOURCE, a_layout())


def test_a_night_catches_up_on_days_that_earlier_nights_missed(settings, champion, features):
    """The features hold four days: the first is scored by its own night, the two after it by nobody."""
    definition = a_definition()
    score_day(definition, features, settings, features.first_day)
    night = score_night(definition, features, settings)
    missed = tuple(features.first_day + timedelta(days=number) for number in (1, 2))
    assert (night.day, night.caught_up) == (features.last_day, missed)
    assert all(stored(settings, day).num_rows for day in missed)
    again = score_night(definition, features, settings)
    assert (again.written, again.caught_up) == (False, ())


def test_a_first_night_scores_its_own_day_alone(settings, champion, features):
    night = score_night(a_definition(), features, settings)
    assert (night.day, night.caught_up) == (features.last_day, ())


@pytest.mark.parametrize(
    ("scored", "reach", "missed"),
    [
        ([], 14, []),
        ([1], 14, [2, 3, 4]),
        ([1, 3], 14, [2, 4]),
        ([1], 2, [3, 4]),
        ([1], 0, []),
        ([1, 2, 3, 4, 5], 14, []),
        ([3], 14, [4]),
    ],
)
def test_what_was_missed(scored, reach, missed):
    march = {number: date(2013, 3, number) for number in range(1, 6)}
    found = missed_days([march[n] for n in scored], march[1], march[5], timedelta(days=reach))
    assert found == [march[n] for n in missed]


class TestCopyInADatabase:
    """`scoring.sql`: what was said last stands in a table of a database, too."""

    @staticmethod
    def definition(tmp_path):
        return a_definition(scoring={"sql": {"table": "answers", "url": f"sqlite:///{tmp_path}/warehouse.db"}})

    @staticmethod
    def copied(tmp_path):
        with create_engine(f"sqlite:///{tmp_path}/warehouse.db").connect() as connection:
            return connection.execute(text("SELECT key, probability, release_version FROM answers ORDER BY key")).all()

    def test_it_holds_what_was_said_last(self, tmp_path, settings, champion, features):
        night = features.model_copy(update={"last_day": DAY})
        scored = score_night(self.definition(tmp_path), night, settings)
        assert scored.copied_to.endswith("table answers")
        release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline"), against="1"))
        score_night(self.definition(tmp_path), night, settings)
        rows = stored(settings)
        last = rows.filter(pc.equal(rows.column(SCORING), 2)).sort_by("_key")
        assert self.copied(tmp_path) == list(
            zip(last.column("_key").to_pylist(), last.column("probability").to_pylist(), ["2"] * last.num_rows, strict=True)
        )

    def test_a_night_whose_copy_failed_is_made_good_by_another_try(self, tmp_path, settings, champion, features):
        night = features.model_copy(update={"last_day": DAY})
        assert score_night(a_definition(), night, settings).copied_to == ""
        again = score_night(self.definition(tmp_path), night, settings)
        assert not again.written
        assert len(self.copied(tmp_path)) == again.rows
