"""A rollout goes on step by step against the champion it began with, or it ends, once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import IntegrityError

from at_once import at_once
from evergreen.errors import PromotionConflictError, RegistryError, UndecidedError
from evergreen.registry.rollouts import RolloutStore
from evergreen.registry.schema import SCHEMA_VERSION
from evergreen.results import Outcome
from evergreen.settings import Settings
from rollout_world import RolloutWorld

GONE = timedelta(seconds=-1)


@pytest.fixture
def world(tmp_path):
    """A champion, version 1, and its challenger, version 2."""
    world = RolloutWorld(Settings(home=tmp_path))
    world.release(1, None)
    world.register(2, "1")
    return world


def four_parts(error):
    return all((error.value.what, error.value.found, error.value.allowed, error.value.remedy))


class TestStanding:
    def test_there_is_none_before_the_first(self, world):
        assert world.store.current("flights") is None
        assert world.store.all_current() == []
        assert world.store.history("flights") == []

    def test_an_event_comes_back_as_it_went_in(self, world):
        begun = world.begin(2)
        assert (begun.sequence, begun.action, begun.step, begun.steps, begun.share) == (1, "step", 1, 3, 0.05)
        assert (begun.key, begun.champion_version, begun.actor) == (("flight",), "1", "training")
        assert world.store.current("flights") == begun
        assert world.store.all_current() == [begun]
        assert world.store.history("flights", rollout_id=begun.rollout_id) == [begun]
        assert world.store.history("flights", rollout_id="another") == []

    def test_an_expired_one_is_still_told_of_and_not_on(self, world):
        world.begin(2, lasts=GONE)
        (current,) = world.store.all_current()
        assert current == world.store.current("flights")
        assert not current.is_on(datetime.now(UTC))

    def test_one_that_has_ended_is_not(self, world):
        world.store.roll_back("flights", world.begin(2).rollout_id, reasons=("bad",))
        assert world.store.current("flights") is None
        assert world.store.all_current() == []
        assert [found.action for found in world.store.history("flights", limit=1)] == ["rolled_back"]

    def test_of_every_model_with_one_query(self, world):
        other = RolloutWorld(world.settings, "weather")
        other.release(1, None)
        other.register(2, "1")
        wanted = [world.begin(2), other.begin(2)]
        store, statements = RolloutStore(world.settings.database_url), []
        store.all_current()
        event.listen(store._database._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        assert store.all_current() == wanted
        assert len([each for each in statements if each.lstrip().startswith("SELECT")]) == 1


class TestSteps:
    def test_one_after_the_other_each_once(self, world):
        for step in (1, 2, 3):
            begun = world.begin(2, step)
            assert (begun.step, begun.sequence) == (step, step)
            assert world.begin(2, step) == begun
        assert world.begin(2, 1).step == 3  # a cleared task of an earlier step changes nothing
        assert world.actions() == [("step", "2")] * 3

    @pytest.mark.parametrize("step", [2, 3])
    def test_not_one_before_the_first(self, world, step):
        with pytest.raises(RegistryError, match="one after the other") as caught:
            world.begin(2, step)
        assert four_parts(caught)
        assert world.actions() == []

    def test_none_is_left_out(self, world):
        world.begin(2)
        with pytest.raises(RegistryError, match="one after the other") as caught:
            world.begin(2, 3)
        assert caught.value.allowed == "step 2"
        assert world.store.current("flights").step == 1

    def test_the_next_one_may_begin_when_the_one_before_has_expired(self, world):
        world.begin(2, lasts=GONE)
        assert world.begin(2, 2).step == 2


class TestVouching:
    def test_a_version_that_nobody_registered(self, world):
        with pytest.raises(UndecidedError, match="not one that Evergreen registered"):
            world.begin(7)

    def test_a_decision_about_other_bytes(self, world):
        world.register(3, "1")
        with pytest.raises(UndecidedError, match="something else"):
            world.store.begin_step(**asked(world, 2) | {"version": "3"})

    def test_no_decision(self, world):
        with pytest.raises(UndecidedError, match="no decision record"):
            world.store.begin_step(**asked(world, 2) | {"rollout_id": "0" * 32})

    @pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
    def test_a_decision_that_says_no(self, world, outcome):
        rollout_id = world.decide(2, "1", outcome)
        with pytest.raises(UndecidedError, match=f"says {outcome}"):
            world.store.begin_step(**asked(world, 2) | {"rollout_id": rollout_id})

    def test_a_decision_against_another_champion(self, world):
        world.release(3, "1")
        with pytest.raises(UndecidedError, match="against another champion"):
            world.store.begin_step(**asked(world, 2) | {"champion_version": "3"})
        with pytest.raises(PromotionConflictError, match="somebody else moved"):
            world.begin(2)
        assert world.actions() == []

    def test_a_decision_that_was_used(self, world):
        world.begin(2)
        world.registry.promote("flights", "2", world.decide(2, "1"), "1")
        world.registry.rollback("flights", "bad after all")
        with pytest.raises(UndecidedError, match="rolled out once") as caught:
            world.begin(2)
        assert "release 2 made version 2 champion" in caught.value.found
        assert four_parts(caught)

    def test_a_decision_that_was_rolled_out_before(self, world):
        world.store.roll_back("flights", world.begin(2).rollout_id, reasons=("nonsense",), actor="ada")
        for step in (1, 2):
            with pytest.raises(UndecidedError, match="rolled out once") as caught:
                world.begin(2, step)
            assert "by ada" in caught.value.found
            assert "nonsense" in caught.value.found

    def test_a_decision_that_was_used_without_a_rollout(self, world):
        world.registry.promote("flights", "2", world.decide(2, "1"), "1")
        with pytest.raises(UndecidedError, match="rolled out once"):
            world.begin(2)


def asked(world, number):
    return {
        "model": "flights",
        "rollout_id": world.decide(number, "1"),
        "mode": "shadow",
        "version": str(number),
        "champion_version": "1",
        "step": 1,
        "steps": 1,
        "share": 1.0,
        "key": (),
        "actor": "",
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }


class TestTwoChallengers:
    def test_the_second_waits(self, world):
        world.begin(2)
        world.register(3, "1")
        with pytest.raises(PromotionConflictError, match="another challenger is on trial") as caught:
            world.begin(3)
        assert "version 2" in caught.value.found
        assert four_parts(caught)

    def test_one_that_has_expired_makes_room(self, world):
        world.begin(2, lasts=GONE)
        world.register(3, "1")
        begun = world.begin(3)
        assert world.actions() == [("step", "2"), ("rolled_back", "2"), ("step", "3")]
        assert begun.sequence == 3
        ended = world.store.history("flights", rollout_id=world.decide(2, "1"), limit=1)[0]
        assert "expired" in ended.reasons[0]
        assert ended.share == 0

    def test_one_that_has_ended_makes_room(self, world):
        world.store.roll_back("flights", world.begin(2).rollout_id, reasons=("bad",))
        world.register(3, "1")
        assert world.begin(3).step == 1


class TestPause:
    def test_keeps_the_step_and_its_share(self, world):
        begun = world.begin(2)
        paused = world.store.pause("flights", reason="holidays", actor="ada")
        assert paused.is_paused
        assert (paused.step, paused.share, paused.expires_at) == (begun.step, begun.share, begun.expires_at)
        assert (paused.reasons, paused.actor) == (("holidays",), "ada")
        assert world.store.current("flights") == paused
        assert world.begin(2) == paused
        with pytest.raises(RegistryError, match="paused") as caught:
            world.begin(2, 2)
        assert "ada" in caught.value.found
        assert "holidays" in caught.value.found
        assert four_parts(caught)

    def test_and_lets_it_go_on(self, world):
        world.begin(2)
        world.store.pause("flights", reason="holidays")
        resumed = world.store.resume("flights", reason="back", actor="ada")
        assert not resumed.is_paused
        assert world.begin(2, 2).step == 2

    def test_again_changes_nothing(self, world):
        world.begin(2)
        assert world.store.resume("flights", reason="why not").action == "step"
        first = world.store.pause("flights", reason="holidays")
        assert world.store.pause("flights", reason="more holidays") == first
        assert world.store.resume("flights", reason="back") == world.store.resume("flights", reason="back again")
        assert [action for action, _ in world.actions()] == ["step", "pause", "resume"]

    def test_a_repeated_request_does_not_undo_what_came_after_it(self, world):
        world.begin(2)
        first = world.store.pause("flights", reason="holidays", request_id="run-1")
        world.store.resume("flights", reason="back", request_id="run-2")
        assert world.store.pause("flights", reason="holidays", request_id="run-1") == first
        assert not world.store.current("flights").is_paused

    @pytest.mark.parametrize("move", ["pause", "resume"])
    def test_needs_a_rollout_that_is_on(self, world, move):
        with pytest.raises(RegistryError, match="no challenger is on trial") as caught:
            getattr(world.store, move)("flights", reason="why")
        assert four_parts(caught)
        world.begin(2, lasts=GONE)
        with pytest.raises(RegistryError, match="no challenger is on trial"):
            getattr(world.store, move)("flights", reason="why")
        world.store.roll_back("flights", world.decide(2, "1"), reasons=("bad",))
        with pytest.raises(RegistryError, match="no challenger is on trial") as caught:
            getattr(world.store, move)("flights", reason="why")
        assert "rolled back at step 1 of 3" in caught.value.found


class TestRollBack:
    def test_ends_it_with_what_was_decided_on(self, world):
        begun = world.begin(2)
        ended = world.store.roll_back(
            "flights",
            begun.rollout_id,
            reasons=("3 of 40 failed", "too slow"),
            actor="training",
            evidence_uri="/e",
            evidence_digest="d",
        )
        assert ended.has_ended
        assert (ended.action, ended.share, ended.reasons) == ("rolled_back", 0.0, ("3 of 40 failed", "too slow"))
        assert (ended.evidence_uri, ended.evidence_digest, ended.step) == ("/e", "d", 1)
        assert world.registry.champion("flights").version == "1"

    def test_once(self, world):
        begun = world.begin(2)
        ended = world.store.roll_back("flights", begun.rollout_id, reasons=("bad",), actor="ada")
        assert world.store.roll_back("flights", begun.rollout_id, reasons=("worse",), actor="bob") == ended

    def test_also_when_paused_or_expired(self, world):
        begun = world.begin(2, lasts=timedelta(seconds=30))
        world.store.pause("flights", reason="holidays")
        assert world.store.roll_back("flights", begun.rollout_id, reasons=("bad",)).action == "rolled_back"
        world.register(3, "1")
        expired = world.begin(3, lasts=GONE)
        assert world.store.roll_back("flights", expired.rollout_id, reasons=("nobody watched",)).action == "rolled_back"

    def test_only_where_it_was_looked_at(self, world):
        looked_at = world.begin(2)
        stands = world.begin(2, 2)
        ended = world.store.roll_back("flights", looked_at.rollout_id, reasons=("late",), at_sequence=looked_at.sequence)
        assert ended == stands == world.store.current("flights")
        ended = world.store.roll_back("flights", looked_at.rollout_id, reasons=("late",), at_sequence=stands.sequence)
        assert ended.action == "rolled_back"

    def test_too_late(self, world):
        begun = world.begin(2)
        world.registry.promote("flights", "2", begun.rollout_id, "1")
        assert world.store.roll_back("flights", begun.rollout_id, reasons=("bad",)).action == "promoted"

    def test_leaves_another_rollout_alone(self, world):
        first = world.begin(2)
        world.store.roll_back("flights", first.rollout_id, reasons=("bad",))
        world.register(3, "1")
        second = world.begin(3)
        world.store.roll_back("flights", first.rollout_id, reasons=("a late watcher",))
        assert world.store.current("flights") == second

    def test_of_one_that_never_was(self, world):
        with pytest.raises(RegistryError, match="no such rollout") as caught:
            world.store.roll_back("flights", "0" * 32, reasons=("bad",))
        assert four_parts(caught)

    def test_a_request_finds_what_it_did(self, world):
        begun = world.begin(2)
        assert world.store.event_of("flights", "run-1") is None
        ended = world.store.roll_back("flights", begun.rollout_id, reasons=("bad",), request_id="run-1")
        assert world.store.event_of("flights", "run-1") == ended
        assert world.store.event_of("weather", "run-1") is None


class TestChampionMoves:
    def test_its_challenger_is_promoted(self, world):
        begun = world.begin(2)
        world.registry.promote("flights", "2", begun.rollout_id, "1", rollout="canary", actor="night")
        (ended,) = world.store.history("flights", limit=1)
        assert (ended.action, ended.actor, ended.share) == ("promoted", "night", 0.0)
        assert "release 2" in ended.reasons[0]

    def test_another_is_promoted(self, world):
        world.begin(2)
        world.release(3, "1")
        (ended,) = world.store.history("flights", limit=1)
        assert (ended.action, ended.version) == ("rolled_back", "2")
        assert "another version was promoted: release 2 made version 3 champion" in ended.reasons[0]

    def test_it_is_taken_back(self, world):
        world.release(2, "1")
        world.register(3, "2")
        world.begin(3, against="2")
        world.registry.rollback("flights", "complaints", actor="ada")
        (ended,) = world.store.history("flights", limit=1)
        assert (ended.action, ended.version, ended.actor) == ("rolled_back", "3", "ada")
        assert "the champion was taken back" in ended.reasons[0]

    def test_a_repeated_promotion_leaves_a_later_rollout_alone(self, world):
        world.registry.promote("flights", "2", world.decide(2, "1"), "1")
        world.register(3, "2")
        begun = world.begin(3, against="2")
        world.registry.promote("flights", "2", world.decide(2, "1"), "1")
        assert world.store.current("flights") == begun

    def test_both_or_neither(self, world, monkeypatch):
        from evergreen.registry import moves

        begun = world.begin(2)

        def killed(*given):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(moves, "end_with_champion", killed)
            with pytest.raises(KeyboardInterrupt):
                world.registry.promote("flights", "2", begun.rollout_id, "1")
        assert world.registry.champion("flights").version == "1"
        assert world.store.current("flights") == begun


class TestPromotionAfterATrial:
    @pytest.fixture
    def promote(self, world):
        def promote(trial):
            return world.registry.promote("flights", "2", world.decide(2, "1"), "1", rollout="canary", trial=trial)

        return promote

    @pytest.mark.parametrize("trial", ["on", "over"])
    def test_needs_one(self, promote, trial):
        with pytest.raises(UndecidedError, match="not on trial") as caught:
            promote(trial)
        assert "never began" in caught.value.found
        assert four_parts(caught)

    @pytest.mark.parametrize("trial", ["on", "over"])
    def test_not_of_one_that_was_taken_back(self, world, promote, trial):
        for step in (1, 2, 3):
            begun = world.begin(2, step)
        world.store.roll_back("flights", begun.rollout_id, reasons=("bad",), actor="ada")
        with pytest.raises(UndecidedError, match="not on trial") as caught:
            promote(trial)
        assert "by ada" in caught.value.found
        assert world.registry.champion("flights").version == "1"

    def test_not_before_its_last_step_unless_a_person_says_so(self, world, promote):
        for step in (1, 2):
            world.begin(2, step)
        with pytest.raises(RegistryError, match="not over") as caught:
            promote("over")
        assert "step 2 of 3" in caught.value.found
        assert four_parts(caught)
        assert promote("on").version == "2"

    def test_not_while_it_is_paused_unless_a_person_says_so(self, world, promote):
        for step in (1, 2, 3):
            world.begin(2, step)
        world.store.pause("flights", reason="holidays")
        with pytest.raises(RegistryError, match="paused"):
            promote("over")
        assert promote("on").version == "2"

    def test_after_it_and_again_after_a_crash(self, world, promote):
        for step in (1, 2, 3):
            world.begin(2, step)
        first = promote("over")
        assert promote("over") == first
        assert world.actions()[-1] == ("promoted", "2")
        assert len(world.registry.timeline("flights")) == 2


def test_of_many_challengers_at_once_one_is_tried_out(world):
    for number in range(3, 9):
        world.register(number, "1")
    said = at_once(*(lambda n=n: RolloutWorld(world.settings).begin(n) for n in range(2, 9)))
    assert sum(isinstance(each, PromotionConflictError) for each in said) == len(said) - 1
    assert len(world.actions()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evergreen_rollouts SET share = 1",
        "DELETE FROM evergreen_rollouts",
        "INSERT OR REPLACE INTO evergreen_rollouts SELECT * FROM evergreen_rollouts",
    ],
)
def test_history_cannot_be_rewritten(world, statement):
    world.begin(2)
    engine = create_engine(world.settings.database_url)
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_database_of_version_3_is_brought_up_to_date(tmp_path):
    world = RolloutWorld(Settings(home=tmp_path))
    world.release(1, None)
    engine = create_engine(world.settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE evergreen_rollouts"))
        connection.execute(text("UPDATE evergreen_schema SET version = 3"))
    later = RolloutWorld(world.settings)
    assert later.registry.champion("flights").version == "1"
    later.register(2, "1")
    later.begin(2)
    assert later.actions() == [("step", "2")]
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version FROM evergreen_schema")).scalars().all() == [SCHEMA_VERSION]
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM evergreen_rollouts"))
    engine.dispose()
