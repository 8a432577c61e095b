"""Whatever is asked in whatever order: one rollout at a time, step by step, against the champion that is one."""

from datetime import timedelta
from itertools import groupby, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.errors import RegistryError
from evergreen.registry.rollout_events import ENDS
from evergreen.settings import Settings
from rollout_world import SHARES, RolloutWorld

VERSIONS = (2, 3)
"""Versions that were judged against version 1."""
LATER = timedelta(hours=1)
numbers = st.sampled_from(VERSIONS)
requests = st.one_of(
    st.tuples(st.just("begin"), numbers, st.integers(1, len(SHARES)), st.sampled_from((LATER, -LATER))),
    st.tuples(st.sampled_from(("pause", "resume"))),
    st.tuples(st.just("take back"), numbers),
    st.tuples(st.just("promote"), numbers, st.sampled_from(("none", "on", "over"))),
    st.tuples(st.just("roll back the champion")),
)


def ask(world: RolloutWorld, what: str, *about) -> None:
    """Ask, and take no for an answer."""
    rollout_id = world.decide(about[0], "1") if about else ""
    try:
        match what:
            case "begin":
                world.begin(about[0], about[1], lasts=about[2])
            case "take back":
                world.store.roll_back(world.model, rollout_id, reasons=("bad",))
            case "promote":
                world.registry.promote(world.model, str(about[0]), rollout_id, "1", trial=about[1])
            case "roll back the champion":
                world.registry.rollback(world.model, "complaints")
            case _:
                getattr(world.store, what)(world.model, reason="why")
    except RegistryError:
        return


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(requests, min_size=4, max_size=20))
def test_the_rules_hold(tmp_path_factory, asked):
    world = RolloutWorld(Settings(home=tmp_path_factory.mktemp("any-order")))
    world.release(1, None)
    for number in VERSIONS:
        world.register(number, "1")
    for request in asked:
        ask(world, *request)
        standing = world.store.current(world.model)
        if standing is not None:
            assert standing.champion_version == world.registry.champion(world.model).version
    _require_a_line_of_rollouts(list(reversed(world.store.history(world.model))))
    promoted = [move.decision_id for move in world.registry.timeline(world.model) if move.action == "promote"]
    assert len(promoted) == len(set(promoted))


def _require_a_line_of_rollouts(events):
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    rollouts = [list(each) for _, each in groupby(events, key=lambda event: event.rollout_id)]
    assert len({each[0].rollout_id for each in rollouts}) == len(rollouts), "a rollout begins once and does not come back"
    for before in rollouts[:-1]:
        assert before[-1].action in ENDS
    for each in rollouts:
        assert (each[0].action, each[0].step) == ("step", 1)
        assert all(event.action not in ENDS for event in each[:-1])
        for event, then in pairwise(each):
            assert then.step == event.step + (then.action == "step")
            assert event.action != "pause" or then.action in ("resume", *ENDS)
            assert then.action != "resume" or event.action == "pause"
