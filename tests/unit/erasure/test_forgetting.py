"""A person is erased from wherever rows are kept, stays erased, and nobody is told more than is true."""

import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.definitions.serving import Personal
from evergreen.erasure import standing
from evergreen.erasure.forgetting import forget, forget_again
from evergreen.erasure.hashes import ErasureHash
from evergreen.erasure.selection import parse_selection
from evergreen.errors import ErasedError, LandingError, RequestError, SettingsError, StoreUnavailableError
from evergreen.files import Files
from evergreen.registry.erasures import Erasure, ErasureStore
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.tables.addresses import features_uri, online_uri, predictions_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.erased import read_unless_erased
from evergreen.tables.online_inputs import read_online_inputs
from evergreen.tables.rows import read_rows
from evergreen.tables.watched_rows import _read_features
from forgotten_world import HASH_KEY, MARK, PERSON, a_world, answers, with_person
from unit.stages.landing_case import definition, night, nth, rows

ROWS_IN = (
    "tables/features/ffffffffffff",
    "tables/labels",
    "tables/outcomes",
    "tables/predictions",
    "tables/quarantine/trips",
    "tables/raw/ends",
    "tables/raw/trips",
    "tables/served",
    "results: judged rows",
    "artifacts: inputs of the gateway",
)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def ids(world, table="trips"):
    raw = world.raw(table)
    return set(raw.read(raw.version()).column("id").to_pylist())


def steps(world):
    store = ErasureStore(world.database_url)
    return [step for erasure in store.of_model("taxi") for step in store.steps(erasure.id)]


def test_a_dry_run_shows_every_place_and_changes_nothing(untouched):
    world = untouched
    before = contents(Path(world.root))
    report = world.forget(yes=False)
    places = {place.place: place for place in report.places}
    assert set(places) == {*ROWS_IN, "pages, results with the value", "landing files"}
    assert {places[name].rows for name in ROWS_IN} == {1}
    assert places["landing files"].files == 2
    assert places["landing files"].became.startswith("STAYS")
    assert not report.done
    assert contents(Path(world.root)) == before


def test_no_file_holds_the_person_afterwards_and_a_fresh_ingest_does_not_bring_it_back(world):
    assert len(world.holding()) > 2 * len(ROWS_IN) - 4, "the logs of tables tell the value too, as their largest"
    others = ids(world) - {PERSON}
    report = world.forget()
    assert report.complete
    assert world.holding() == []
    world.ingest(3)
    world.ingest(3, force=True)
    world.land(f"trips/{nth(1)}.parquet", with_person(nth(1)).slice(1))  # the upstream system delivers the day once more
    world.ingest(3)
    assert world.holding() == []
    assert ids(world) == others - {f"{nth(1)}-0"}


def test_the_rows_of_others_stay_as_they_are_and_it_can_be_asked_for_again(world):
    trips = world.raw()
    before = [row for row in trips.read(trips.version()).to_pylist() if row["id"] != PERSON]
    world.forget()
    after = trips.read(trips.version()).to_pylist()
    for row in (*before, *after):
        row.pop("_digest"), row.pop("_position")
    assert after == before
    assert world.raw("cars").version() == 0, "a table without such rows is not touched"
    again = world.forget()
    assert again.complete
    assert again.earlier.actor == "anna@office"
    assert {place.place for place in again.places} == {"landing files"}
    assert len(ErasureStore(world.database_url).of_model("taxi")) == 1


def test_only_versions_that_held_the_person_are_lost(world):
    trips = world.raw()
    world.land(f"trips/{nth(1)}.parquet", rows(nth(1)))  # a version without the person, then one with it again
    world.ingest(3)
    world.land(f"trips/{nth(1)}.parquet", with_person(nth(1)))
    world.ingest(3)
    report = world.forget()
    assert "tables/raw/trips: versions 0, 2" in report.lost
    assert trips.read(1).num_rows == 12
    with pytest.raises(ErasedError, match=r"version 2 of a table .* erased on \d{4}-\d\d-\d\d by anna@office"):
        trips.read(2)
    assert trips.read(2, days=[nth(0)]).num_rows == 4, "what did not hold it can be read in every version"
    assert trips.read(3).num_rows == 12
    assert {day: found.rows for day, found in trips.partitions(0).items()} == {nth(0): 4, nth(1): 5, nth(2): 4}


def test_rows_of_old_versions_alone_are_found_and_erased(world):
    world.land(f"trips/{nth(1)}.parquet", rows(nth(1)))
    world.ingest(3)
    assert PERSON not in ids(world)
    place = next(place for place in world.forget(yes=False).places if place.place == "tables/raw/trips")
    assert (place.files, place.rows) == (1, 0)
    assert "and 1 copy in files of earlier versions" in place.became
    world.forget()
    assert world.holding() == []


def test_the_record_says_who_when_what_and_never_whom_and_cannot_be_changed(world):
    report = world.forget()
    begun, ended = steps(world)
    assert (begun.complete, ended.complete) == (False, True)
    assert {place.place for place in ended.places} >= set(ROWS_IN)
    assert any(line.startswith("results/evaluate") for line in ended.lost)
    erasure = ErasureStore(world.database_url).of_model("taxi")[0]
    assert (erasure.actor, erasure.reason, erasure.columns) == ("anna@office", "17", ("id",))
    with closing(sqlite3.connect(world.database_url.removeprefix("sqlite:///"))) as connection:
        told = "".join(connection.iterdump())
    assert report.erasure.id in told
    assert MARK not in told
    with closing(sqlite3.connect(world.database_url.removeprefix("sqlite:///"))) as connection:
        for table in ("evergreen_erasures", "evergreen_erased_keys", "evergreen_erasure_steps"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(f"DELETE FROM {table}")


def test_it_says_what_it_does_not_reach(world):
    spool = world.settings.home / "gateway" / "spool" / "1-a" / "taxi"
    spool.mkdir(parents=True)
    (spool / "00000001.damaged").write_bytes(b"x")
    (spool / "00000002.closed").write_bytes(b"x")
    said = " ".join(world.forget(yes=False).remarks)
    for word in ("Models:", "Backups:", "00000001.damaged", "gateway's log on this machine that are not shipped yet: 1."):
        assert word in said


def test_what_rests_on_it_says_erased_and_not_damaged(world):
    publication = next(iter({info.uri.rpartition("/")[0] for info in world.files.list(online_uri(world.settings, "taxi"))}))
    world.forget()
    with pytest.raises(ErasedError, match="judged rows cannot be read"):
        read_unless_erased("judged rows", world.judged_uri, world.files)
    with pytest.raises(ErasedError, match="online inputs cannot be read"):
        read_online_inputs(publication, publication.rpartition("/")[2], world.files)
    newest = OnlineVersionStore(world.database_url).newest("taxi", "k" * 32)
    kept = read_online_inputs(newest.uri, newest.digest, world.files)
    assert kept.entities["people"].to_pandas().to_dict("list") == {"id": ["other"], "mean": [2.0]}
    assert kept.as_of == night(nth(2))


def test_an_old_snapshot_cannot_be_trained_from_and_says_why(world):
    """The result that names it is named in the record, with its digest."""
    snapshot = world.ingest(3)
    validated = {"snapshot": snapshot.to_xcom(), "digest": "d" * 32}
    world.files.write_bytes(f"{world.settings.results_uri}/taxi/validate/{'a' * 32}.json", json.dumps(validated).encode())
    report = world.forget()
    assert f"results/validate/{'a' * 32}.json, digest {'d' * 32}" in report.lost
    with pytest.raises(ErasedError) as refused:
        read_rows(world.definition, snapshot, "trips", world.files)
    assert "erased on" in refused.value.what
    assert "begin again from ingest" in refused.value.remedy
    assert read_rows(world.definition, world.ingest(3), "trips", world.files).num_rows == 12


def test_monitoring_reads_features_of_affected_days_as_they_are_now(world):
    features = DayTable(features_uri(world.settings, "taxi", "f" * 32), world.files)
    world.forget()
    rows = _read_features(features, 0, [nth(1)], ["_key", "v"])
    assert rows.column("_key").to_pylist() == [f"{nth(1)}-{number}" for number in range(4)]
    assert _read_features(features, 0, [nth(0)], ["_key", "v"]).num_rows == 4


def test_a_person_who_is_in_landing_files_alone_is_kept_out(tmp_path):
    world = a_world(str(tmp_path), definition(), tmp_path)
    world.land_days(0, 1)
    world.land(f"trips/{nth(1)}.parquet", with_person(nth(1)))
    world.forget()
    world.ingest(1)
    assert PERSON not in ids(world)
    assert world.holding() == []


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("id=nobody",), "nothing is kept of taxi that matches"),
        (("name=x",), "no table has a column name"),
        (("id=x", "car=a"), "no table has all the columns car, id"),
        (("n=four",), "column 'n' cannot have this value"),
        (("id",), "it is not clear what is to be forgotten"),
        (("id=a", "id=b"), "it is not clear what is to be forgotten"),
    ],
)
def test_what_matches_nothing_says_so_and_is_not_remembered(untouched, words, what):
    with pytest.raises(RequestError, match=what):
        untouched.forget(*words)
    assert ErasureStore(untouched.database_url).of_model("taxi") == []


def test_without_a_key_to_hash_with_nothing_is_erased_and_nothing_comes_in(world):
    world.hash_key = ""
    with pytest.raises(SettingsError, match="there is no key to hash it with") as first:
        world.forget()
    assert "openssl rand -hex 32" in first.value.remedy
    world.hash_key = "the first key there was"
    world.forget()
    for other in ("", "a second key for all"):
        world.hash_key = other
        with pytest.raises(SettingsError, match=r"keyed hash|another one than then"):
            world.ingest(3)
        for yes in (True, False):
            with pytest.raises(SettingsError, match=r"keyed hash|another one than then") as later:
                world.forget(yes=yes)
            assert "the key" in later.value.allowed
            assert "when they were erased" in later.value.allowed
            assert "openssl" not in later.value.remedy, "a new key brings the rows back"


def test_a_look_needs_no_key_unless_fields_are_hashed_and_is_the_same_look(untouched):
    with_key = untouched.forget(yes=False)
    untouched.hash_key = ""
    without = untouched.forget(yes=False)
    assert (without.places, without.findings) == (with_key.places, with_key.findings)
    assert (with_key.by_standing_key, without.by_standing_key) == (True, False)
    personal = Personal(hash=("id",))
    serving = untouched.definition.serving.model_copy(update={"personal": personal})
    hashing = untouched.definition.model_copy(update={"serving": serving})
    with pytest.raises(SettingsError, match="there is no key to hash it with"):
        forget(hashing, untouched.settings, parse_selection([f"id={PERSON}"]), confirmed=False, actor="anna")
    untouched.hash_key = HASH_KEY


@pytest.mark.parametrize("key", ["", "a", "another key than any before"])
def test_a_mistyped_column_or_value_is_said_before_anything_about_the_key(world, key):
    world.forget("n=2", f"id={PERSON}")
    world.hash_key = key
    for words, what in (("idd=x", "no table has a column"), ("n=four", "column 'n' cannot have this value")):
        with pytest.raises(RequestError, match=what):
            world.forget(words)


def test_a_key_that_can_be_guessed_is_refused_before_the_first_erasure_and_never_shown(untouched):
    untouched.hash_key = "zz-guess-me-zz"
    with pytest.raises(SettingsError, match="too short") as refused:
        untouched.forget(yes=False)
    untouched.hash_key = HASH_KEY
    assert "14 characters" in refused.value.found
    assert "zz-guess" not in str(refused.value)


def test_with_erasures_under_a_short_key_an_installation_goes_on(world, monkeypatch):
    world.hash_key = "short"
    with monkeypatch.context() as before:
        before.setattr(standing, "SHORTEST_KEY", 0)
        world.forget()
    world.ingest(3)
    assert world.forget().complete


def test_a_model_takes_the_key_that_another_was_erased_with(untouched, world):
    other = Erasure(
        model="other",
        columns=("id",),
        hashes=("a",),
        hash_key_id=ErasureHash("a key of long ago, long enough", "other").key_id,
        actor="bo",
        reason="",
        begun_at=datetime.now(UTC),
    )
    ErasureStore(world.database_url).begin(other)
    with pytest.raises(SettingsError, match="another one than then") as refused:
        world.forget()
    assert "1 erasure of other" in refused.value.found


class TestKeysOfSeveralColumns:
    def test_all_of_them_must_match(self, world):
        world.forget("n=2", f"id={PERSON}")
        assert world.holding() == []

    def test_one_that_does_not_match_keeps_the_rows(self, untouched):
        with pytest.raises(RequestError, match="nothing is kept"):
            untouched.forget("n=3", f"id={PERSON}")
        assert PERSON in ids(untouched)

    def test_a_value_of_many_rows_takes_all_of_them_with_their_keys(self, world):
        report = world.forget("n=3")
        assert {place.place: place.rows for place in report.places}["tables/raw/trips"] == 3
        assert {f"{nth(number)}-3" for number in range(3)}.isdisjoint(ids(world))
        predictions = DayTable(predictions_uri(world.settings, "taxi"), world.files)
        assert not any(key.endswith("-3") for key in predictions.read(predictions.version()).column("_key").to_pylist())


def test_a_table_of_nobody_else_is_empty_and_can_be_filled_again(tmp_path):
    world = a_world(str(tmp_path), definition(), tmp_path)
    world.land_days(0, 0)
    world.ingest(0)
    predictions = DayTable(predictions_uri(world.settings, "taxi"), world.files)
    predictions.write_days({nth(0): pa.table({"_key": [f"{nth(0)}-1"]})})
    world.forget(f"id={nth(0)}-1")
    assert predictions.partitions() == {}
    predictions.write_days({nth(0): pa.table({"_key": ["b"]})})
    assert predictions.read(predictions.version()).column("_key").to_pylist() == ["b"]


def test_what_a_reference_table_alone_has_is_left_out_of_it(world):
    world.forget("car=b")
    cars = world.raw("cars")
    assert cars.read(cars.version()).column("car").to_pylist() == ["a"]
    world.ingest(3, force=True)
    assert cars.read(cars.version()).column("car").to_pylist() == ["a"]
    world.forget("car=a")
    with pytest.raises(LandingError, match="has no rows"):
        world.ingest(3, force=True)


class TestKilled:
    """Every write, removal and commit is a moment to die at."""

    def test_at_any_moment_it_is_not_believed_done_and_the_next_run_brings_it_to_its_end(self, world, tmp_path_factory):
        saved = tmp_path_factory.mktemp("saved") / "world"
        shutil.copytree(world.root, saved)
        moments = _count_moments(world)
        assert moments > 40
        for dies_at in range(0, moments, 12):
            shutil.rmtree(world.root)
            shutil.copytree(saved, world.root)
            with pytest.MonkeyPatch.context() as patch:
                _let_die(patch, dies_at)
                with pytest.raises(_Died):
                    world.forget()
            assert not any(step.complete for step in steps(world))
            world.ingest(3)
            assert world.forget().complete, dies_at
            assert world.holding() == [], dies_at
            assert steps(world)[-1].complete

    def test_a_wait_for_a_writer_is_not_done(self, world):
        """A file that no version has may be a writer's who is about to commit; an old one is a dead writer's."""
        young = Path(world.raw().uri) / f"_day={nth(1)}" / "_digest=x" / "part-young.parquet"
        young.parent.mkdir()
        shutil.copy(next(Path(world.raw().uri).glob(f"_day={nth(1)}/*/*.parquet")), young)
        report = world.forget()
        assert (report.complete, report.waiting) == (False, 1)
        assert not any(step.complete for step in steps(world))
        assert young.exists()
        _age(young)
        assert world.forget().complete
        assert world.holding() == []


class _Died(BaseException):
    """The process is gone."""


def _let_die(patch, at):
    left = [at]

    def dying(method):
        def call(*args, **kwargs):
            if left[0] == 0:
                raise _Died
            left[0] -= 1
            return method(*args, **kwargs)

        return call

    _patch(patch, dying)


def _patch(patch, wrapped):
    for owner, names in (
        (Files, ("write_bytes", "remove")),
        (DayTable, ("leave_out", "write_checkpoint")),
        (ErasureStore, ("begin", "note")),
        (OnlineVersionStore, ("publish",)),
    ):
        for name in names:
            patch.setattr(owner, name, wrapped(getattr(owner, name)))


def _count_moments(world):
    counted = []
    with pytest.MonkeyPatch.context() as patch:
        _patch(patch, lambda method: lambda *args, **kwargs: (counted.append(1), method(*args, **kwargs))[1])
        world.forget()
    return len(counted)


def _age(path):
    import os
    import time

    before = time.time() - 7200
    os.utime(path, (before, before))


class TestAtOnce:
    def test_an_ingest_that_began_before_takes_out_what_it_brings_after(self, world, monkeypatch):
        """The erasure begins and ends between the reading of the list and the writing of the rows."""
        world.land(f"trips/{nth(2)}.parquet", with_person(nth(2)))
        write, crossed = DayTable.write_days, []

        def write_after_the_erasure(table, days, **words):
            if not crossed and table.uri.endswith("/trips"):
                crossed.append(True)
                world.forget()
            return write(table, days, **words)

        monkeypatch.setattr(DayTable, "write_days", write_after_the_erasure)
        snapshot = world.ingest(3)
        assert crossed
        assert world.holding() == []
        assert world.raw().read(snapshot.tables["trips"].version).num_rows == 12

    def test_a_delivery_of_answers_in_between_loses_nothing(self, world, monkeypatch):
        scan, arrived = type(world.served)._scan, []

        def scan_and_let_one_arrive(table, *args, **words):
            found = scan(table, *args, **words)
            if not arrived:
                arrived.append(True)
                world.served.append(answers("someone", first=100), sender="gateway", number=8)
            return found

        monkeypatch.setattr(type(world.served), "_scan", scan_and_let_one_arrive)
        world.forget()
        keys = world.served.read(world.served.version(), world.served.rows_by_day(), ["_key"]).column("_key").to_pylist()
        assert sorted(keys) == sorted([f"row-{number}" for number in (0, 1, 2, 100, 101, 102)] + ["someone"])
        assert world.served.shipped("gateway") == 8
        assert not world.served.append(answers(PERSON), sender="gateway", number=8)
        assert world.holding() == []

    def test_two_erasures_of_the_same_day_take_both_out_and_nobody_else(self, world):
        """Whoever loses a race leaves a file that no version has; it goes once it is old enough to be nobody's."""
        words = (f"id={PERSON}", f"id={nth(1)}-0")
        others = ids(world) - {PERSON, f"{nth(1)}-0"}
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(world.forget, words))
        assert ids(world) == ids(world, "ends") == others
        assert all(report.done for report in reports)
        for path in Path(world.root).rglob("*.parquet"):
            _age(path)
        assert [report.complete for report in forget_again(world.definition, world.settings, actor="bo")] == [True, True]
        assert world.holding() == world.holding(f"{nth(1)}-0") == []
        assert ids(world) == others

    def test_rows_that_keep_coming_end_in_an_error_that_says_what_to_do(self, world, monkeypatch):
        leave_out = DayTable.leave_out

        def leave_out_and_bring_back(table, day, match):
            leave_out(table, day, match)
            if table.uri.endswith("/trips"):
                table.write_days({day: with_person(day)})

        monkeypatch.setattr(DayTable, "leave_out", leave_out_and_bring_back)
        with pytest.raises(StoreUnavailableError, match="kept bringing rows"):
            world.forget()
        monkeypatch.undo()
        assert world.forget().complete
        assert world.holding() == []

    def test_what_a_run_brought_back_is_found_by_going_over_all_erasures_once_more(self, world):
        world.forget()
        table = DayTable(predictions_uri(world.settings, "taxi"), world.files)
        table.write_days({nth(1): pa.table({"_key": [PERSON, "x"], "v": [1, 2]})})
        reports = forget_again(world.definition, world.settings, actor="bo")
        assert [report.complete for report in reports] == [True]
        assert world.holding() == []


def test_the_list_is_not_asked_for_where_there_is_no_database(tmp_path):
    world = a_world(str(tmp_path), definition(), tmp_path / "none")
    assert standing.standing_erasures(world.settings, "taxi").who is None
    assert not (tmp_path / "none").exists()
