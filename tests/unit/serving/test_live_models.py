"""What is live, and what keeps it from changing."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from evergreen.errors import DigestMismatchError, RequestError, StoreUnavailableError, UndecidedError
from evergreen.registry.online_versions import OnlineInputsVersion
from evergreen.results import ChampionVersion
from evergreen.serving import live_models
from evergreen.serving.challengers import Challengers
from evergreen.serving.health import gateway_health
from evergreen.serving.live_models import LiveModels
from evergreen.serving.live_trials import LiveTrials
from evergreen.serving.release_cache import KnownRelease

NIGHT = datetime(2026, 4, 1, 7, tzinfo=UTC)


def no(kind=DigestMismatchError):
    return kind("no", found="f", allowed="a", remedy="r")


def champion(version="1", model="flights"):
    return ChampionVersion(
        model=model,
        version=version,
        bundle_uri="/b",
        bundle_digest=f"bundle-{version}",
        decision_id="d",
        mlflow_run_id="",
        trained_through=NIGHT,
        features_source_digest="s",
    )


def published(night=NIGHT, model="flights", key="key-1"):
    return OnlineInputsVersion(
        model=model,
        features_key=key,
        as_of=night,
        uri="/o",
        digest=f"online-{night:%d}",
        published_at=night + timedelta(hours=1),
    )


class World:
    """Registry, cache, definitions and loading, each of which a test may break."""

    def __init__(self):
        self.champions_, self.publications_, self.remembered_ = [champion()], [published()], {}
        self.away = self.vouching = self.loading = None
        self.loads, self.stamp_ = [], "stamp-1"
        self.rollouts_ = []

    def champions(self):
        if self.away:
            raise self.away
        return self.champions_

    def publications(self):
        return {(version.model, version.features_key): version for version in self.publications_}

    def vouch(self, version):
        if self.vouching:
            raise self.vouching

    def features_key(self, version):
        return f"key-{version.version}"

    def remember(self, known):
        self.remembered_[known.champion.model] = known

    def remembered(self):
        return self.remembered_

    def stamp(self, model):
        if self.stamp_ is None:
            raise no(RequestError)
        return self.stamp_

    def load(self, model):
        return SimpleNamespace(name=model, data=SimpleNamespace(last_day=None), schedule=None)

    def load_release(self, known, definition):
        self.loads.append(known.champion.version)
        if self.loading:
            raise self.loading
        serving = SimpleNamespace(max_feature_age=timedelta(hours=36))
        return SimpleNamespace(
            champion=known.champion, online=known.online, features_as_of=str(known.online.as_of), serving=serving
        )

    def rollouts(self):
        return self.rollouts_

    def registered(self, model, version):
        return champion(version, model)

    def models(self, **options):
        trials = LiveTrials(Challengers(self, self, self.load_release), keep=lambda *_: None, executor=None)
        return LiveModels(self, self, self, load=self.load_release, put_live=lambda *_: object(), trials=trials, **options)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(live_models.time, "monotonic", lambda: now[0])
    return now


def version_of(models, model="flights"):
    return models.live[model].release.champion.version


def test_a_champion_becomes_live_and_is_loaded_once(world):
    models = world.models()
    assert not models.is_ready
    models.sync()
    models.sync()
    assert version_of(models) == "1"
    assert world.loads == ["1"]
    assert models.is_ready
    assert (models.swaps, models.looks, models.problems) == (0, 2, {})
    assert world.remembered_["flights"].champion.version == "1"


def test_another_champion_takes_its_place(world):
    models = world.models()
    models.sync()
    world.champions_, world.publications_ = [champion("2")], [published(), published(key="key-2")]
    models.sync()
    assert version_of(models) == "2"
    assert models.swaps == 1


def test_a_night_of_inputs_and_a_changed_definition_are_taken_up(world):
    models = world.models()
    models.sync()
    world.publications_ = [published(NIGHT + timedelta(days=1))]
    models.sync()
    assert models.live["flights"].release.online.as_of == NIGHT + timedelta(days=1)
    world.stamp_ = "stamp-2"
    models.sync()
    models.sync()
    assert models.live["flights"].definition_stamp == "stamp-2"
    assert len(world.loads) == 3


@pytest.mark.parametrize("what", ["vouching", "loading", "stamp", "inputs", "crash"])
def test_whatever_goes_wrong_the_old_release_goes_on(world, clock, what):
    models = world.models()
    models.sync()
    world.champions_, world.publications_ = [champion("2")], [published(), published(key="key-2")]
    if what == "vouching":
        world.vouching = no(UndecidedError)
    elif what == "loading":
        world.loading = no()
    elif what == "crash":
        world.loading = KeyError("unforeseen")
    elif what == "stamp":
        world.stamp_ = None
    else:
        world.publications_ = [published()]
    models.sync()
    assert version_of(models) == "1"
    assert list(models.problems) == ["flights"]
    assert models.is_ready
    health = gateway_health(models, NIGHT)
    assert (health.status, health.ready) == ("degraded", True)
    world.vouching = world.loading = None
    world.stamp_, world.publications_ = "stamp-1", [published(), published(key="key-2")]
    clock[0] += 1.0
    models.sync()
    assert version_of(models) == "2"
    assert models.problems == {}


def test_what_cannot_be_loaded_is_tried_again_ever_more_seldom(world, clock):
    world.loading = no()
    models = world.models()
    tried = []
    for second in range(200):
        clock[0] = float(second)
        before = len(world.loads)
        models.sync()
        if len(world.loads) > before:
            tried.append(second)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    world.champions_, world.publications_ = [champion("2")], [published(key="key-2")]
    models.sync()
    assert world.loads[-1] == "2"


def test_the_cache_serves_while_the_registry_is_away(world):
    world.away = no(StoreUnavailableError)
    world.remembered_ = {"flights": KnownRelease(champion=champion(), online=published())}
    models = world.models()
    models.sync()
    assert version_of(models) == "1"
    assert gateway_health(models, NIGHT).status == "degraded"
    world.away = None
    models.sync()
    assert models.registry_problem is None
    assert gateway_health(models, NIGHT).status == "ok"


def test_a_registry_that_goes_away_changes_nothing(world):
    models = world.models()
    models.sync()
    world.away = no(StoreUnavailableError)
    models.sync()
    world.away, world.champions_ = None, []
    models.sync()
    assert version_of(models) == "1"
    assert world.loads == ["1"]


def test_only_the_named_models_are_served(world):
    world.champions_ = [champion(), champion(model="other")]
    world.publications_ = [published(), published(model="other")]
    models = world.models(models=["other"])
    models.sync()
    assert set(models.live) == {"other"}
    waiting = World().models(models=["absent"])
    waiting.sync()
    assert not waiting.is_ready


def test_health_tells_of_old_features_and_of_the_beginning(world):
    models = world.models()
    assert gateway_health(models, NIGHT).status == "starting"
    models.sync()
    assert gateway_health(models, NIGHT + timedelta(hours=36)).status == "ok"
    (problem,) = gateway_health(models, NIGHT + timedelta(hours=37)).problems
    assert problem.model == "flights"
    assert "37.0 hours" in problem.found


def test_age_counts_from_the_publication_where_the_data_has_ended(world):
    from evergreen.definitions import load_definition
    from evergreen.settings import PROJECT_ROOT

    flights = load_definition(PROJECT_ROOT / "include" / "models" / "flight_delays")  # ends with 2013
    world.load = lambda model: flights
    models = world.models()
    models.sync()
    live = models.live["flights"]
    assert live.feature_age_seconds(NIGHT + timedelta(hours=3)) == 2 * 3600
