"""Challengers on trial: loaded beside the champion, asked while their rollout is on, and never in its way."""

from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace

import pytest

from evergreen.errors import DigestMismatchError, UndecidedError
from evergreen.registry.online_versions import OnlineInputsVersion
from evergreen.registry.rollout_events import RolloutEvent
from evergreen.results import ChampionVersion
from evergreen.serving import challengers
from evergreen.serving.challengers import RETRY_SECONDS, Challengers
from evergreen.serving.live_trials import LiveTrials
from evergreen.serving.release_cache import KnownRelease

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def version(number):
    return ChampionVersion(
        model="flights",
        version=number,
        bundle_uri="/b",
        bundle_digest=f"bundle-{number}",
        decision_id=f"decision-{number}",
        mlflow_run_id="",
        trained_through=NOW,
        features_source_digest="s",
    )


def published(night=NOW, key="key-2"):
    return OnlineInputsVersion(
        model="flights", features_key=key, as_of=night, uri="/o", digest=f"online-{night:%d}", published_at=night
    )


def event(**changes):
    plain = {
        "model": "flights",
        "sequence": 1,
        "rollout_id": "decision-2",
        "action": "step",
        "mode": "canary",
        "version": "2",
        "champion_version": "1",
        "step": 1,
        "steps": 3,
        "share": 0.05,
        "key": (),
        "reasons": (),
        "actor": "test",
        "expires_at": NOW + timedelta(hours=1),
        "happened_at": NOW,
    }
    return RolloutEvent(**{**plain, **changes})


def schema():
    return SimpleNamespace(row_types={"id": "string", "carrier": "string"}, values=lambda row, names: [row[n] for n in names])


class World:
    """The registry, the caches and the loading, each of which a test may break."""

    def __init__(self):
        self.loads, self.publications = [], {("flights", "key-2"): published()}
        self.loading = self.vouching = self.registering = None
        self.challengers = Challengers(self, self, self.load)
        self.trials = LiveTrials(self.challengers, keep=lambda *_: None, executor=None)
        self.become("1")

    def become(self, number, release=None):
        release = release or SimpleNamespace(
            model="flights", champion=version(number), is_quick=True, key_fields=("id",), schema=schema()
        )
        limits = SimpleNamespace(time_limit_ms=250.0)
        definition = SimpleNamespace(release=SimpleNamespace(trial=SimpleNamespace(limits=limits)))
        self.models = {"flights": SimpleNamespace(release=release, definition=definition, definition_stamp="stamp-1")}

    def registered(self, model, number):
        if self.registering:
            raise self.registering
        return version(number)

    def features_key(self, found):
        return f"key-{found.version}"

    def vouch(self, found):
        if self.vouching:
            raise self.vouching

    def load(self, known, definition):
        self.loads.append((known.champion.version, known.online.digest))
        if self.loading:
            raise self.loading
        return SimpleNamespace(champion=known.champion, online=known.online, is_quick=True)

    def sync(self, *events, now=NOW):
        """Look, wait for what is being loaded, and look again."""
        self.trials.sync(events, self.publications, self.models, now)
        for slot in self.challengers._slots.values():
            if slot.future is not None:
                wait([slot.future], 10)
        self.trials.sync(events, self.publications, self.models, now)
        return self.trials.live.get("flights")


@pytest.fixture
def world():
    return World()


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(challengers.time, "monotonic", lambda: now[0])
    return now


def no(kind=DigestMismatchError):
    return kind("its bundle is another", found="f", allowed="a", remedy="r")


def test_a_challenger_is_loaded_once_and_follows_its_steps(world):
    first = world.sync(event())
    assert first.challenger.release.champion.version == "2"
    assert world.sync(event()) is first
    second = world.sync(event(sequence=2, step=2, share=0.25))
    assert second.event.share == 0.25
    assert second.challenger is first.challenger
    assert len(world.loads) == 1


def test_it_ends_with_its_rollout_or_when_nobody_watches_any_more(world):
    assert world.sync(event())
    assert world.sync(event(action="rolled_back", sequence=2, share=0.0)) is None
    assert world.sync(event(sequence=3))
    assert world.sync(event(sequence=3), now=NOW + timedelta(hours=1)) is None
    assert world.sync(event(sequence=3))
    world.trials.end_unknown(NOW + timedelta(hours=2))
    assert world.trials.live == {}


def test_a_registry_that_is_silent_for_long_may_have_ended_it(world):
    assert world.sync(event())
    world.trials.end_unknown(NOW + timedelta(seconds=30))
    assert world.trials.live
    world.trials.end_unknown(NOW + timedelta(seconds=31))
    assert world.trials.live == {}
    assert world.sync(event(), now=NOW + timedelta(seconds=60)) is not None


def test_beside_another_champion_than_its_own_it_is_not_asked(world):
    assert world.sync(event())
    world.become("3")
    assert world.sync(event()) is None


def test_a_paused_step_goes_on(world):
    assert world.sync(event(action="pause", sequence=2)).event.is_paused


def test_new_inputs_are_taken_up(world):
    first = world.sync(event())
    night = NOW + timedelta(days=1)
    world.publications["flights", "key-2"] = published(night)
    second = world.sync(event(expires_at=NOW + timedelta(days=2)))
    assert second.challenger is not first.challenger
    assert second.challenger.release.online.digest == "online-02"


def test_newer_inputs_that_cannot_be_loaded_leave_it_as_it_is(world):
    first = world.sync(event())
    world.publications["flights", "key-2"] = published(NOW + timedelta(days=1))
    world.loading = no()
    assert world.sync(event()).challenger is first.challenger
    assert first.challenger.problem == ""


@pytest.mark.parametrize("broken", ["loading", "vouching", "registering", "publications"])
def test_one_that_cannot_be_loaded_says_so_and_is_tried_again(world, clock, broken):
    before = world.publications
    setattr(world, broken, {} if broken == "publications" else no(UndecidedError))
    found = world.sync(event())
    assert found.challenger.release is None
    assert found.challenger.problem
    assert world.sync(event()).challenger is found.challenger
    setattr(world, broken, before if broken == "publications" else None)
    assert world.sync(event()).challenger.release is None  # not yet
    clock[0] += RETRY_SECONDS
    assert world.sync(event()).challenger.release is not None


def test_code_that_raises_anything_harms_nobody(world):
    world.loading = ZeroDivisionError()
    assert world.sync(event()).challenger.problem == "ZeroDivisionError"


def test_one_that_takes_long_to_be_loaded_holds_up_nobody(world):
    goes_on = Event()
    world.load = world.challengers.load = lambda *_: goes_on.wait(10)
    world.trials.sync([event()], world.publications, world.models, NOW)
    world.trials.sync([event()], world.publications, world.models, NOW)
    assert world.trials.live == {}
    goes_on.set()
    assert world.sync(event()) is not None


def test_one_that_becomes_champion_need_not_be_loaded_again(world):
    found = world.sync(event())
    known = KnownRelease(champion=version("2"), online=published())
    assert world.trials.release(known, "stamp-1") is found.challenger.release
    assert world.trials.release(known, "stamp-2") is None
    assert world.trials.release(KnownRelease(champion=version("3"), online=published()), "stamp-1") is None


def test_who_is_asked_is_decided_by_the_key(world):
    rows = [{"id": f"row-{n}", "carrier": "AA" if n % 2 else "UA"} for n in range(400)]
    by_row = world.sync(event(share=0.5))
    assert 120 < sum(map(by_row.asks, rows)) < 280
    by_carrier = world.sync(event(share=0.5, sequence=2, key=("carrier",)))
    assert len({(row["carrier"], by_carrier.asks(row)) for row in rows}) == 2
    unknown_field = world.sync(event(share=0.5, sequence=3, key=("gone",)))
    assert [unknown_field.asks(row) for row in rows] == [by_row.asks(row) for row in rows]
    assert all(map(world.sync(event(share=1.0, sequence=4)).asks, rows))
