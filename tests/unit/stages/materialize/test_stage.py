"""What the gateway needs is published once, by the release's own code and layout, and answers as a batch does."""

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.errors import DigestMismatchError, FeatureError, UndecidedError
from evergreen.features.code import FeatureCode
from evergreen.features.inputs import release_key
from evergreen.features.online import OnlineFeatures
from evergreen.files import Files
from evergreen.predictors.released import read_released
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.stages.build_features import build_features
from evergreen.stages.materialize import materialize
from evergreen.tables.feature_frames import read_features
from evergreen.tables.online_inputs import read_online_inputs
from shop_world import FIRST, KINDS, SOURCE, release


def night(day, hour=3):
    return datetime(2024, 3, day, hour, tzinfo=UTC)


def served(world, champion):
    """What a gateway opens, which has the bundle and the registry and nothing else."""
    released = read_released(Files(), champion)
    key = release_key(released.manifest.feature_layout, champion.features_source_digest)
    version = OnlineVersionStore(world.settings.database_url).newest("shops", key)
    inputs = read_online_inputs(version.uri, version.digest, Files())
    return OnlineFeatures(released.layout, FeatureCode.from_source(released.source), inputs, released.kinds)


def test_a_request_has_the_features_that_are_built_the_night_after(world):
    """Of the rows whose joined observation was known by the night; prices come an hour after they are seen."""
    champion = release(world)
    published = materialize(world.definition, world.validated(night(6)), champion, world.settings)
    assert published.published
    assert (published.as_of, published.release_version) == (night(6), "1")
    assert published.entity_rows == {"shops": 2}
    assert published.joined_rows["places"] == 2
    assert published.compared_rows == 15
    built = build_features(world.definition, world.validated(night(8)), world.settings)
    frame = read_features(built, Files(), first_day=date(2024, 3, 6), last_day=date(2024, 3, 6))
    frame = frame[frame["_prediction_time"] >= night(6)].reset_index(drop=True)
    visits = {row["visit"]: row for row in world.days["visits"][date(2024, 3, 6)].to_pylist()}
    online = served(world, champion)
    rows = online.rows({name: [visits[key][name] for key in frame["_key"]] for name in ("visit", "shop", "at")})
    found = online.compute(rows)
    assert list(found) == list(read_released(Files(), champion).kinds)
    for name in ("hour", "mean_spent", "shop"):
        assert found[name] == frame[name].tolist(), name
    known = frame["_prediction_time"] < night(6, 6)  # before another price of the day could be read
    assert known.any()
    assert [price for price, is_known in zip(found["price"], known, strict=True) if is_known] == frame["price"][known].tolist()


def test_a_second_run_does_nothing_and_says_the_same(world):
    champion, validated = release(world), world.validated(night(6))
    first = materialize(world.definition, validated, champion, world.settings)
    written = {path: path.stat().st_mtime_ns for path in Path(first.uri).iterdir()}
    for force in (False, True):
        again = materialize(world.definition, validated, champion, world.settings, force=force)
        assert again == first.model_copy(update={"published": False})
    assert {path: path.stat().st_mtime_ns for path in Path(first.uri).iterdir()} == written


def test_files_that_are_gone_are_written_again(world):
    champion, validated = release(world), world.validated(night(6))
    first = materialize(world.definition, validated, champion, world.settings)
    for path in Path(first.uri).iterdir():
        path.unlink()
    with pytest.raises(DigestMismatchError):
        served(world, champion)
    assert not materialize(world.definition, validated, champion, world.settings).published
    assert served(world, champion).digest == first.digest


def test_every_night_is_published_and_corrected_rows_once_more(world):
    champion = release(world)
    nights = [materialize(world.definition, world.validated(night(day)), champion, world.settings) for day in (6, 7)]
    assert len({each.digest for each in nights}) == 2
    assert served(world, champion).as_of == night(7)
    world.add_day(FIRST + timedelta(days=4), spent=100.0)
    corrected = materialize(world.definition, world.validated(night(7)), champion, world.settings)
    assert corrected.published
    assert served(world, champion).digest == corrected.digest


def test_a_backfill_does_not_replace_tonight(world):
    champion = release(world)
    materialize(world.definition, world.validated(night(7)), champion, world.settings)
    assert materialize(world.definition, world.validated(night(5)), champion, world.settings).published
    assert served(world, champion).as_of == night(7)


def test_a_run_in_the_day_publishes_the_features_of_its_night_with_the_rows_known_by_then(world):
    champion = release(world)
    early = materialize(world.definition, world.validated(night(6)), champion, world.settings)
    at_noon = materialize(world.definition, world.validated(night(6, 12)), champion, world.settings)
    assert at_noon.as_of == early.as_of == night(6), "as in training: rows of the noon have the entity features of the night"
    assert at_noon.published
    inputs = [read_online_inputs(each.uri, each.digest, Files()) for each in (early, at_noon)]
    assert inputs[0].entities["shops"].equals(inputs[1].entities["shops"])
    newest = [max(each.joined["prices"].column("at").to_pylist()) for each in inputs]
    assert newest == [night(6, 2), night(6, 11)]


def test_only_rows_that_a_moment_may_find_are_kept(world):
    champion = release(world)
    published = materialize(world.definition, world.validated(night(9)), champion, world.settings)
    inputs = read_online_inputs(published.uri, published.digest, Files())
    kept = inputs.joined["prices"]
    assert published.joined_rows["prices"] == kept.num_rows <= 12
    assert min(kept.column("at").to_pylist()) >= night(9) - timedelta(days=1, hours=12)
    assert "_readable_from" not in inputs.joined["places"].column_names


def test_the_releases_own_code_and_layout_are_used(world):
    source = SOURCE.replace('mean_spent=("spent", "mean")', 'mean_spent=("spent", "max")')
    join = world.definition.data.tables["prices"].join.model_copy(update={"within": timedelta(hours=1)})
    layout = FeatureLayout.of(world.definition)
    tables = {**layout.tables, "prices": layout.tables["prices"].model_copy(update={"join": join})}
    old = release(world, 1, source=source, tables=tables)
    new = release(world, 2)
    validated = world.validated(night(6))
    published = [materialize(world.definition, validated, version, world.settings) for version in (old, new)]
    assert published[0].features_key != published[1].features_key
    rows = {"visit": ["x"], "shop": ["a"], "at": [night(6, 8)]}
    found = [served(world, version).compute(served(world, version).rows(rows)) for version in (old, new)]
    assert found[0]["mean_spent"] > found[1]["mean_spent"]
    assert math.isnan(found[0]["price"][0]), "older than an hour"
    assert found[1]["price"][0] > 0


def test_releases_of_the_same_code_share_what_is_published(world):
    first, second = release(world, 1), release(world, 2, kinds={**KINDS, "hour": "double"})
    validated = world.validated(night(6))
    one = materialize(world.definition, validated, first, world.settings)
    two = materialize(world.definition, validated, second, world.settings)
    assert two == one.model_copy(update={"release_version": "2", "published": False})


def test_without_entity_features_only_joined_rows_are_published(world):
    source = "def row_features(rows, entities):\n    assert entities == {}\n    return rows[['place_size', 'shop']]\n"
    champion = release(world, source=source, kinds={"place_size": "double", "shop": "string"})
    published = materialize(world.definition, world.validated(night(6)), champion, world.settings)
    assert published.entity_rows == {}
    online = served(world, champion)
    assert online.compute(online.rows({"visit": ["x"], "shop": ["b"], "at": [night(6, 8)]})) == {
        "place_size": [5.0],
        "shop": ["b"],
    }


class TestNothingIsPublished:
    def check(self, world):
        assert OnlineVersionStore(world.settings.database_url).newest_all() == []

    def test_that_nobody_decided_on(self, world):
        champion = release(world).model_copy(update={"decision_id": "0" * 32})
        with pytest.raises(UndecidedError):
            materialize(world.definition, world.validated(night(6)), champion, world.settings)
        self.check(world)

    def test_of_a_changed_bundle(self, world):
        champion = release(world)
        path = Path(champion.bundle_uri) / "features.py"
        path.write_bytes(path.read_bytes() + b"\n")
        with pytest.raises(DigestMismatchError):
            materialize(world.definition, world.validated(night(6)), champion, world.settings)
        self.check(world)

    def test_by_code_that_fails(self, world):
        source = SOURCE.replace('joined["at"].dt.hour', 'joined["gone"]')
        champion = release(world, source=source)
        with pytest.raises(FeatureError, match="`row_features` raised KeyError"):
            materialize(world.definition, world.validated(night(6)), champion, world.settings)
        self.check(world)

    def test_that_a_request_would_see_otherwise(self, world):
        """Arrow has one word for missing, pandas has several: code that tells them apart would answer otherwise, unseen."""
        source = SOURCE.replace("return {", 'shops["note"] = [float("nan"), "x"]\n    return {').replace(
            'price=joined["price_price"]', 'price=joined["note"].map(lambda note: float(note is None))'
        )
        champion = release(world, source=source)
        with pytest.raises(FeatureError, match="'price' of a request would not be that of the night"):
            materialize(world.definition, world.validated(night(6)), champion, world.settings)
        self.check(world)


def test_an_entity_frame_that_arrow_would_change_is_a_clear_error(world):
    source = SOURCE.replace("return {", 'shops["mean_spent"] = [1, "a"]\n    return {')
    with pytest.raises(FeatureError, match="entity frame 'shops' cannot be published"):
        materialize(world.definition, world.validated(night(6)), release(world, source=source), world.settings)


def test_a_whole_number_that_names_nothing_is_a_float_in_a_request_too(world):
    for day, rows in world.days["visits"].items():
        world.days["visits"][day] = rows.append_column("guests", pa.array(range(rows.num_rows), pa.int64()))
    source = "def row_features(rows, entities):\n    return rows.assign(text=rows['guests'].astype(str))[['text', 'guests']]\n"
    champion = release(world, source=source, kinds={"guests": "double", "text": "string"})
    assert materialize(world.definition, world.validated(night(6)), champion, world.settings).compared_rows == 15
    online = served(world, champion)
    rows = online.rows({"visit": ["x"], "at": [night(6, 8)], "guests": [5]})
    assert online.compute(rows) == {"guests": [5.0], "text": ["5.0"]}
