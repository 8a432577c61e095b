from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.errors import FeatureError, NotEnoughRowsError, StoreUnavailableError
from evergreen.features.code import FeatureCode
from evergreen.files import Files
from evergreen.stages.build_features import build_features
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable
from evergreen.tables.feature_frames import read_features, read_labelled


def night(day):
    return datetime(2024, 3, day, 3, tzinfo=UTC)


def march(*days):
    return [date(2024, 3, day) for day in days]


def contents(feature_set, *, labels=False):
    """Content digest of each day: equal digests are equal bytes in every column, in the same order."""
    uri, version = (feature_set.uri, feature_set.version)
    if labels:
        uri, version = feature_set.labels_uri, feature_set.labels_version
    partitions = DayTable(uri, Files()).partitions(version)
    return {day: found.digest for day, found in partitions.items() if day <= feature_set.last_day}


def from_scratch(world, other_world, as_of, **arguments):
    other = other_world(world)
    return build_features(world.definition, other.validated(as_of), other.settings, **arguments)


def same(first, second):
    assert contents(first) == contents(second)
    assert contents(first, labels=True) == contents(second, labels=True)
    ignored = {"uri": "", "labels_uri": "", "version": 0, "labels_version": 0, "built_days": 0}
    assert first.model_copy(update=ignored) == second.model_copy(update=ignored)


def test_complete_days_are_built_and_described(definition, world):
    built = build_features(definition, world.validated(night(6)), world.settings)
    assert (built.first_day, built.last_day, built.built_days) == (*march(1, 5), 5)
    assert built.rows == 5 * 8
    assert (built.numeric, built.categorical, built.slice_columns) == (("hour", "price", "mean_spent"), ("shop",), ("shop",))
    assert built.source == (definition.folder / "features.py").read_text()
    frame = read_features(built, Files())
    assert list(frame.columns) == [
        "_key", "_day", "_event_time", "_prediction_time", "hour", "price", "mean_spent", "shop", "_slice_shop",
    ]  # fmt: skip
    assert frame["_day"].tolist() == sorted(frame["_day"])
    assert frame[["_event_time", "_key"]].equals(frame.sort_values(["_event_time", "_key"])[["_event_time", "_key"]])


def test_a_second_run_does_nothing_and_says_the_same(definition, world):
    validated = world.validated(night(6))
    first = build_features(definition, validated, world.settings)
    files = {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()}
    assert build_features(definition, validated, world.settings) == first
    assert {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()} == files


def test_a_new_night_computes_one_day_as_from_scratch(definition, world, other_world):
    build_features(definition, world.validated(night(6)), world.settings)
    second = build_features(definition, world.validated(night(7)), world.settings)
    assert second.built_days == 1
    same(second, from_scratch(world, other_world, night(7)))


def test_nights_one_by_one_are_the_same_as_all_at_once(definition, world, other_world):
    for day in range(3, 12):
        last = build_features(definition, world.validated(night(day)), world.settings)
    assert last.built_days == 1
    same(last, from_scratch(world, other_world, night(11)))


def test_a_corrected_day_recomputes_only_the_days_that_look_back_to_it(definition, world, other_world):
    first = build_features(definition, world.validated(night(11)), world.settings)
    world.add_day(date(2024, 3, 4), spent=100.0)
    second = build_features(definition, world.validated(night(11)), world.settings)
    # History reaches three days back from 03:00 of the day before: rows predicted before 03:00 use that night's.
    assert second.built_days == 5
    changed = {day for day in contents(second) if contents(second)[day] != contents(first)[day]}
    assert changed <= set(march(4, 5, 6, 7, 8))
    assert set(march(5, 6, 7)) <= changed
    same(second, from_scratch(world, other_world, night(11)))
    assert contents(first) == {**contents(second), **{day: contents(first)[day] for day in changed}}, "the old version stays"


def test_quarantined_rows_reach_no_feature_and_no_label(definition, world, other_world):
    before = build_features(definition, world.validated(night(11)), world.settings)
    aside = {date(2024, 3, 4): ["2024-03-04-1", "2024-03-04-2"]}
    after = build_features(definition, world.validated(night(11), aside), world.settings)
    assert 0 < after.built_days < 10
    assert after.labelled_rows == before.labelled_rows - 2
    other = other_world(world)
    same(after, build_features(definition, other.validated(night(11), aside), other.settings))


def test_labels_are_only_those_that_had_matured(definition, world):
    built = build_features(definition, world.validated(night(6)), world.settings)
    labelled = read_labelled(built, Files())
    assert len(labelled) == built.labelled_rows
    assert set(labelled["_label"]) == {0.0, 1.0}
    # Visit 3 has no amount; visit 0 is known 30 hours later; visit 7 at 03:00, the very moment of the as-of.
    expected = {f"2024-03-0{day}-{n}" for day in range(1, 6) for n in range(8) if n != 3}
    expected -= {"2024-03-05-0"}
    assert set(labelled["_key"]) == expected


def test_labels_of_an_earlier_as_of_do_not_grow_when_later_runs_came_in_between(definition, world, other_world):
    early = world.validated(night(6))
    first = build_features(definition, early, world.settings)
    build_features(definition, world.validated(night(9)), world.settings)
    again = build_features(definition, early, world.settings, force=True)
    same(first, again)
    assert DayTable(again.labels_uri, Files()).version() > first.labels_version
    assert read_labelled(first, Files()).equals(read_labelled(again, Files()))


def test_labels_that_another_run_rewrote_meanwhile_are_not_pinned(definition, world, monkeypatch):
    """A backfill at an older as-of leaves a day with the rows readable then; the newest version must not be trusted."""
    first = build_features(definition, world.validated(night(9)), world.settings)
    rival = DayTable(first.labels_uri, Files())
    day = date(2024, 3, 2)
    whole = rival.read(first.labels_version, days=[day]).drop_columns([DAY, DIGEST, POSITION])
    write, truncated = DayTable.write_days, []

    def write_second(self, days, **words):
        if self.uri == rival.uri and not truncated:
            truncated.append(True)
            write(rival, {day: whole.slice(0, 2)})
        return write(self, days, **words)

    validated = world.validated(night(10))
    with monkeypatch.context() as patch:
        patch.setattr(DayTable, "write_days", write_second)
        with pytest.raises(StoreUnavailableError, match="another run changed the same labels"):
            build_features(definition, validated, world.settings)
    assert truncated
    again = build_features(definition, validated, world.settings)
    assert contents(again, labels=True)[day] == contents(first, labels=True)[day], "running again mends it"


def test_labelled_rows_between_two_moments(definition, world):
    built = build_features(definition, world.validated(night(11)), world.settings)
    start, end = datetime(2024, 3, 4, 5, tzinfo=UTC), datetime(2024, 3, 6, 5, tzinfo=UTC)
    everything = read_labelled(built, Files())
    inside = everything[(everything["_event_time"] >= start) & (everything["_event_time"] < end)].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_labelled(built, Files(), from_time=start, before_time=end), inside)


def test_days_of_features_may_be_chosen(definition, world):
    built = build_features(definition, world.validated(night(11)), world.settings)
    some = read_features(built, Files(), first_day=date(2024, 3, 4), last_day=date(2024, 3, 5))
    assert set(some["_day"]) == set(march(4, 5))
    assert read_features(built, Files(), first_day=date(2024, 4, 1)).empty


def test_another_feature_code_has_a_table_of_its_own(definition, world):
    validated = world.validated(night(6))
    own = build_features(definition, validated, world.settings)
    champions = FeatureCode.from_source("def row_features(rows, entities):\n    return rows[['place_size']]\n")
    other = build_features(definition, validated, world.settings, code=champions)
    assert other.uri != own.uri
    assert other.numeric == ("place_size",)
    assert build_features(definition, validated, world.settings) == own
    assert len(read_labelled(other, Files())) == len(read_labelled(own, Files()))


def test_code_without_history_depends_on_its_own_day_and_its_joins(definition, world):
    rows_only = FeatureCode.from_source("def row_features(rows, entities):\n    return rows[['place_size']]\n")
    build_features(definition, world.validated(night(11)), world.settings, code=rows_only)
    world.add_day(date(2024, 3, 4), spent=100.0)
    assert build_features(definition, world.validated(night(11)), world.settings, code=rows_only).built_days == 0


def test_a_lost_index_costs_time_and_nothing_else(definition, world):
    validated = world.validated(night(11))
    first = build_features(definition, validated, world.settings)
    for path in (world.home / "results").rglob("*.json"):
        path.unlink()
    again = build_features(definition, validated, world.settings)
    assert again.built_days == 10
    assert again.model_copy(update={"built_days": 10}) == first.model_copy(update={"built_days": 10})


def test_lost_tables_are_built_again(definition, world):
    import shutil

    validated = world.validated(night(11))
    first = build_features(definition, validated, world.settings)
    shutil.rmtree(first.uri)
    shutil.rmtree(first.labels_uri)
    same(first, build_features(definition, validated, world.settings))


@pytest.mark.parametrize("lost", ["uri", "labels_uri"])
def test_a_result_whose_table_is_lost_is_not_reused(definition, world, lost):
    import shutil

    validated = world.validated(night(11))
    first = build_features(definition, validated, world.settings)
    shutil.rmtree(getattr(first, lost))
    again = build_features(definition, validated, world.settings)
    same(first, again)
    assert len(read_labelled(again, Files())) == first.labelled_rows


@pytest.mark.parametrize("pinned", ["version", "labels_version"])
def test_a_result_whose_version_is_lost_is_not_reused(definition, world, pinned):
    validated = world.validated(night(11))
    first = build_features(definition, validated, world.settings)
    (result,) = (path for path in (world.home / "results").rglob("*.json") if '"labels_version"' in path.read_text())
    result.write_text(first.model_copy(update={pinned: 99}).model_dump_json())
    assert getattr(build_features(definition, validated, world.settings), pinned) == getattr(first, pinned)


def test_a_killed_write_leaves_what_a_rerun_completes(definition, world, other_world, monkeypatch):
    from evergreen.stages.build_features import features_by_day

    with monkeypatch.context() as patch:
        patch.setattr(features_by_day, "BuiltDay", None)  # dies after the commit, before the index
        with pytest.raises(TypeError):
            build_features(definition, world.validated(night(11)), world.settings)
    same(build_features(definition, world.validated(night(11)), world.settings), from_scratch(world, other_world, night(11)))


def test_a_first_day_may_be_chosen(definition, world):
    built = build_features(definition, world.validated(night(11)), world.settings, first_day=date(2024, 3, 5))
    assert (built.first_day, built.built_days) == (date(2024, 3, 5), 6)


def test_no_complete_day_is_a_clear_error(definition, world):
    with pytest.raises(NotEnoughRowsError, match="no day of 'shops' is complete yet"):
        build_features(definition, world.validated(night(1)), world.settings)


def test_a_day_is_complete_when_its_last_row_has_been_predicted(definition, world):
    just = datetime(2024, 3, 5, 23, tzinfo=UTC)  # predict_before is one hour
    assert build_features(definition, world.validated(just), world.settings).last_day == date(2024, 3, 5)
    before = just - timedelta(seconds=1)
    assert build_features(definition, world.validated(before), world.settings).last_day == date(2024, 3, 4)


def test_broken_feature_code_writes_nothing(definition, world):
    (definition.folder / "features.py").write_text("def row_features(rows, entities):\n    return rows.head(0)\n")
    with pytest.raises(FeatureError, match="one row per row"):
        build_features(definition, world.validated(night(11)), world.settings)
    assert not (world.home / "tables" / "shops" / "features").exists()


def changed(definition, path, value):
    """The definition with one field of model.yaml changed; `path` as in messages."""
    data = definition.model_dump(mode="json")
    *folders, name = path.split(".")
    section = data
    for folder in folders:
        section = section[folder]
    section[name] = value
    other = type(definition).model_validate(data)
    other._folder = definition.folder
    return other


class TestAnotherLayoutThanTodays:
    """model.yaml changed since a release; features.py did not."""

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("features.history", "1d"),
            ("features.categorical", ["hour"]),
            ("data.predict_before", "5h"),
            ("data.tables.prices.join.within", "2h"),
            ("data.tables.prices.available_after", "8h"),
            ("data.tables.purchases.available_at", "at"),
            ("schedule.at", "15:00"),
        ],
    )
    def test_features_come_out_as_released(self, definition, world, path, value):
        validated, layout = world.validated(night(11)), FeatureLayout.of(definition)
        released = build_features(definition, validated, world.settings)
        today = changed(definition, path, value)
        otherwise = build_features(today, validated, world.settings)
        again = build_features(today, validated, world.settings, layout=layout)
        assert again.layout_digest == released.layout_digest == layout.digest != otherwise.layout_digest
        names = ["_key", "_prediction_time", *released.numeric, *released.categorical]
        before = read_features(released, Files())[names]
        pd.testing.assert_frame_equal(read_features(again, Files())[names], before)
        if otherwise.numeric == released.numeric:
            assert not read_features(otherwise, Files())[names].equals(before), "today's way is another one"

    def test_labels_are_todays(self, definition, world):
        layout = FeatureLayout.of(definition)
        today = changed(definition, "data.tables.purchases.available_at", "at")
        validated = world.validated(night(6))
        own = build_features(today, validated, world.settings)
        as_released = build_features(today, validated, world.settings, layout=layout)
        assert as_released.labelled_rows == own.labelled_rows
        assert (as_released.labels_uri, as_released.labels_version) == (own.labels_uri, own.labels_version)
        assert build_features(definition, validated, world.settings).labelled_rows < own.labelled_rows

    def test_a_table_that_came_later_is_not_handed_to_older_code(self, definition, world):
        source = "def row_features(rows, entities):\n    return rows[[c for c in rows if c.endswith('_size')]]\n"
        older = definition.data.model_copy(
            update={"tables": {name: table for name, table in definition.data.tables.items() if name != "places"}}
        )
        layout = FeatureLayout.of(definition.model_copy(update={"data": older}))
        code = FeatureCode.from_source(source.replace("return", "rows['one_size'] = 1.0\n    return"))
        built = build_features(definition, world.validated(night(6)), world.settings, code=code, layout=layout)
        assert built.numeric == ("one_size",)

    def test_a_table_that_is_gone_is_said(self, definition, world):
        layout = FeatureLayout.of(definition)
        tables = {name: table for name, table in definition.data.tables.items() if name != "prices"}
        today = definition.model_copy(update={"data": definition.data.model_copy(update={"tables": tables})})
        with pytest.raises(FeatureError, match="table 'prices' is gone") as caught:
            build_features(today, world.validated(night(6)), world.settings, layout=layout)
        assert "model.yaml" in caught.value.remedy

    def test_a_column_that_no_file_has_any_more_is_said(self, definition, world):
        layout = FeatureLayout.of(changed(definition, "data.tables.prices.available_at", "published_at"))
        with pytest.raises(FeatureError, match=r"column prices\.published_at is gone"):
            build_features(definition, world.validated(night(6)), world.settings, layout=layout)

    def test_a_second_run_does_nothing(self, definition, world):
        layout = FeatureLayout.of(changed(definition, "features.history", "1d"))
        validated = world.validated(night(6))
        first = build_features(definition, validated, world.settings, layout=layout)
        files = {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()}
        assert build_features(definition, validated, world.settings, layout=layout) == first
        assert {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()} == files


class TestExcludedDays:
    def test_are_neither_learned_from_nor_judged_on(self, definition, world):
        validated = world.validated(night(11))
        whole = read_labelled(build_features(definition, validated, world.settings), Files())
        built = build_features(definition, validated, world.settings, excluded_days=march(6, 4, 6))
        assert built.excluded_days == tuple(march(4, 6))
        kept = whole[~whole["_day"].isin(march(4, 6))].reset_index(drop=True)
        assert 0 < len(kept) < len(whole)
        pd.testing.assert_frame_equal(read_labelled(built, Files()), kept)
        start = datetime(2024, 3, 4, 5, tzinfo=UTC)
        assert read_labelled(built, Files(), from_time=start)["_day"].min() == date(2024, 3, 5)

    def test_keep_their_features(self, definition, world):
        built = build_features(definition, world.validated(night(11)), world.settings, excluded_days=march(4))
        assert date(2024, 3, 4) in set(read_features(built, Files())["_day"])

    def test_cost_no_day(self, definition, world):
        validated = world.validated(night(11))
        first = build_features(definition, validated, world.settings)
        files = {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()}
        second = build_features(definition, validated, world.settings, excluded_days=march(4))
        assert second == first.model_copy(update={"excluded_days": tuple(march(4))})
        assert {path: path.stat().st_mtime_ns for path in world.home.rglob("*") if path.is_file()} == files

    def test_outside_the_features_are_not_told(self, definition, world):
        """So that a day set aside elsewhere does not train again."""
        excluded = [date(2023, 3, 4), date(2024, 3, 20)]
        built = build_features(definition, world.validated(night(11)), world.settings, excluded_days=excluded)
        assert built.excluded_days == ()
