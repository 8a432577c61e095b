from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from evergreen.errors import PromotionConflictError, RegistryError, UndecidedError
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import ChampionVersion, Outcome
from evergreen.settings import Settings


class Shown:
    """Stands for MLflow: remembers what it was told, and fails where it is told to."""

    def __init__(self) -> None:
        self.aliases: dict[str, tuple[str, str | None]] = {}
        self.missing: set[str] = set()
        self.broken = False

    def holds(self, version: ChampionVersion) -> bool:
        return version.version not in self.missing

    def show(self, model: str, champion: str, previous: str | None) -> None:
        if self.broken:
            raise ConnectionError("MLflow is away")
        self.aliases[model] = (champion, previous)


class World:
    """A registry with decisions and versions made as a training would."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.mirror = Shown()
        self.registry = ReleaseRegistry(self.settings, mirror=self.mirror)
        self.decisions = DecisionStore(self.settings.database_url)

    def decide(self, number: int, against: str | None, outcome: Outcome = Outcome.PROMOTE) -> DecisionRecord:
        return self.decisions.record(
            DecisionRecord(
                model="flights",
                as_of=datetime(2013, 4, 1, tzinfo=UTC),
                outcome=outcome,
                reasons=(f"version {number} is better",),
                challenger_name="xgboost",
                challenger_digest=f"bundle-{number}",
                champion_version=against,
                champion_digest=None,
                holdout_digest="h",
                measurement_digest="m",
                gate_digest="g",
                measurement_uri="/m",
                report_uri="/r",
                mlflow_run_id="run",
            )
        )

    def version(self, number: int, decision_id: str) -> ChampionVersion:
        return ChampionVersion(
            model="flights",
            version=str(number),
            bundle_uri=f"/bundles/{number}",
            bundle_digest=f"bundle-{number}",
            decision_id=decision_id,
            mlflow_run_id="run",
            trained_through=datetime(2013, 3, 1, tzinfo=UTC),
            features_source_digest="s",
        )

    def register(self, number: int, against: str | None) -> str:
        decision = self.decide(number, against)
        self.registry.register(self.version(number, decision.id))
        return decision.id

    def release(self, number: int, against: str | None) -> str:
        decision_id = self.register(number, against)
        self.registry.promote("flights", str(number), decision_id, against, actor="night")
        return decision_id


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_before_the_first_release_there_is_no_champion(world):
    world.register(1, None)
    assert world.registry.champion("flights") is None
    assert world.registry.timeline("flights") == []


def test_a_release_moves_the_champion_and_shows_it(world):
    first = world.release(1, None)
    second = world.register(2, "1")
    release = world.registry.promote("flights", "2", second, "1", actor="night")
    assert (release.version, release.previous_version, release.bundle_digest) == ("2", "1", "bundle-2")
    assert world.registry.champion("flights") == world.version(2, second)
    assert world.mirror.aliases["flights"] == ("2", "1")
    newest, oldest = world.registry.timeline("flights")
    assert (newest.generation, newest.action, newest.decision_id) == (2, "promote", second)
    assert (newest.reason, newest.actor) == ("version 2 is better", "night")
    assert (oldest.generation, oldest.previous_version, oldest.decision_id) == (1, None, first)


def test_models_do_not_meet(world):
    world.release(1, None)
    assert world.registry.champion("other") is None


def test_of_two_challengers_of_one_champion_the_first_wins(world):
    world.release(1, None)
    two, three = world.register(2, "1"), world.register(3, "1")
    world.registry.promote("flights", "2", two, "1")
    with pytest.raises(PromotionConflictError, match="version 2"):
        world.registry.promote("flights", "3", three, "1")
    assert world.registry.champion("flights").version == "2"
    assert len(world.registry.timeline("flights")) == 2


def test_a_first_champion_does_not_replace_one(world):
    world.release(1, None)
    two = world.register(2, None)
    with pytest.raises(PromotionConflictError):
        world.registry.promote("flights", "2", two, None)


def test_a_repeated_release_changes_nothing(world):
    world.release(1, None)
    two = world.register(2, "1")
    first = world.registry.promote("flights", "2", two, "1")
    assert world.registry.promote("flights", "2", two, "1") == first
    assert len(world.registry.timeline("flights")) == 2


def test_a_crash_before_mlflow_is_repaired_by_the_next_call(world):
    world.release(1, None)
    two = world.register(2, "1")
    world.mirror.broken = True
    with pytest.raises(ConnectionError):
        world.registry.promote("flights", "2", two, "1")
    assert world.registry.champion("flights").version == "2"
    assert world.mirror.aliases["flights"] == ("1", None)
    world.mirror.broken = False
    world.registry.promote("flights", "2", two, "1")
    assert world.mirror.aliases["flights"] == ("2", "1")
    assert len(world.registry.timeline("flights")) == 2


def test_repair_looks_again_after_it_has_written(world):
    world.release(1, None)
    two = world.register(2, "1")
    slow = Shown()

    def show(model: str, champion: str, previous: str | None) -> None:
        if champion == "1":
            world.registry.promote("flights", "2", two, "1")  # another process, between our look and our write
        slow.aliases[model] = (champion, previous)

    slow.show = show
    ReleaseRegistry(world.settings, mirror=slow).repair("flights")
    assert slow.aliases["flights"] == ("2", "1")


class TestVouching:
    def test_no_decision(self, world):
        with pytest.raises(UndecidedError, match="no decision record"):
            world.registry.register(world.version(1, "0" * 32))

    @pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
    def test_a_decision_that_says_no(self, world, outcome):
        decision = world.decide(1, None, outcome)
        with pytest.raises(UndecidedError, match=f"says {outcome}"):
            world.registry.register(world.version(1, decision.id))

    def test_a_decision_about_other_bytes(self, world):
        decision = world.decide(2, None)
        with pytest.raises(UndecidedError, match="something else"):
            world.registry.register(world.version(1, decision.id))

    def test_a_decision_about_another_model(self, world):
        decision = world.decide(1, None)
        with pytest.raises(UndecidedError, match="something else"):
            world.registry.vouch(world.version(1, decision.id).model_copy(update={"model": "other"}))

    def test_promotion_asks_the_decision_it_is_given(self, world):
        world.register(1, None)
        other = world.decide(7, None)
        with pytest.raises(UndecidedError, match="something else"):
            world.registry.promote("flights", "1", other.id, None)
        kept = world.decide(1, None, Outcome.KEEP)
        with pytest.raises(UndecidedError, match="says keep"):
            world.registry.promote("flights", "1", kept.id, None)
        assert world.registry.champion("flights") is None

    def test_a_decision_against_another_champion(self, world):
        world.release(1, None)
        first_champion = world.register(2, None)
        with pytest.raises(UndecidedError, match="against another champion"):
            world.registry.promote("flights", "2", first_champion, "1")

    def test_an_unregistered_version(self, world):
        decision = world.decide(1, None)
        with pytest.raises(UndecidedError, match="not one that Evergreen registered"):
            world.registry.promote("flights", "1", decision.id, None)

    def test_a_version_that_mlflow_lost(self, world):
        decision_id = world.register(1, None)
        world.mirror.missing.add("1")
        with pytest.raises(RegistryError, match="no longer has"):
            world.registry.promote("flights", "1", decision_id, None)
        assert world.registry.champion("flights") is None


class TestRollback:
    def test_goes_to_the_one_before_and_is_itself_taken_back(self, world):
        world.release(1, None)
        world.release(2, "1")
        back = world.registry.rollback("flights", "too many false alarms", actor="ada")
        assert (back.version, back.previous_version, back.bundle_digest) == ("1", "2", "bundle-1")
        assert world.registry.champion("flights").version == "1"
        assert world.mirror.aliases["flights"] == ("1", "2")
        event = world.registry.timeline("flights")[0]
        assert (event.action, event.reason, event.actor, event.generation) == ("rollback", "too many false alarms", "ada", 3)
        assert world.registry.rollback("flights", "it was the sensor").version == "2"

    def test_to_an_earlier_champion_by_name(self, world):
        for number, against in ((1, None), (2, "1"), (3, "2")):
            world.release(number, against)
        assert world.registry.rollback("flights", "both are bad", to_version="1").version == "1"

    def test_needs_a_champion(self, world):
        with pytest.raises(RegistryError, match="no champion to take back"):
            world.registry.rollback("flights", "why")

    def test_needs_an_earlier_champion(self, world):
        world.release(1, None)
        with pytest.raises(RegistryError, match="nothing to go back to") as caught:
            world.registry.rollback("flights", "why")
        assert all((caught.value.what, caught.value.found, caught.value.allowed, caught.value.remedy))

    def test_not_to_the_champion_itself(self, world):
        world.release(1, None)
        with pytest.raises(RegistryError, match="champion already"):
            world.registry.rollback("flights", "why", to_version="1")

    def test_not_to_a_version_that_never_was_champion(self, world):
        world.release(1, None)
        world.register(2, "1")
        with pytest.raises(UndecidedError, match="never was"):
            world.registry.rollback("flights", "why", to_version="2")

    def test_a_repeated_request_moves_once(self, world):
        world.release(1, None)
        world.release(2, "1")
        first = world.registry.rollback("flights", "why", request_id="run-1")
        assert world.registry.rollback("flights", "why", request_id="run-1") == first
        assert world.registry.champion("flights").version == "1"

    def test_of_a_champion_that_is_no_longer_one(self, world):
        world.release(1, None)
        world.release(2, "1")
        world.registry.rollback("flights", "first pair of hands", expected_champion="2")
        with pytest.raises(PromotionConflictError):
            world.registry.rollback("flights", "second pair of hands", expected_champion="2")
        assert world.registry.champion("flights").version == "1"

    def test_a_repeated_release_does_not_undo_it(self, world):
        world.release(1, None)
        two = world.release(2, "1")
        world.registry.rollback("flights", "broken")
        with pytest.raises(UndecidedError, match="used already"):
            world.registry.promote("flights", "2", two, "1")
        assert world.registry.champion("flights").version == "1"

    def test_does_not_wait_for_mlflow(self, world, caplog):
        world.release(1, None)
        world.release(2, "1")
        world.mirror.broken = True
        assert world.registry.rollback("flights", "broken").version == "1"
        assert "aliases did not follow" in caplog.text
        world.mirror.broken = False
        world.registry.repair("flights")
        assert world.mirror.aliases["flights"] == ("1", "2")

    def test_a_new_challenger_after_it_is_judged_against_the_returned_champion(self, world):
        world.release(1, None)
        world.release(2, "1")
        world.registry.rollback("flights", "broken")
        world.release(3, "1")
        assert [event.version for event in world.registry.timeline("flights")] == ["3", "1", "2", "1"]


@pytest.mark.parametrize("table", ["evergreen_versions", "evergreen_releases"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET version = '9'", "DELETE FROM {}", "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"]
)
def test_history_cannot_be_rewritten(world, table, statement):
    world.release(1, None)
    engine = create_engine(world.settings.database_url)
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(table)))
    engine.dispose()
    assert world.registry.champion("flights").version == "1"


def test_a_version_number_is_never_given_to_other_bytes(world):
    world.register(1, None)
    other = world.decide(2, None)
    with pytest.raises(RegistryError, match="number is taken"):
        world.registry.register(world.version(2, other.id).model_copy(update={"version": "1"}))
