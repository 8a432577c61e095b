"""Which events a wake-up reads: its own, and those that belong to no run."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from evergreen.connect.events import heard as module
from evergreen.connect.events.heard import FAILURES, MOST_FAILURES, READ_THROUGH, listen, remember

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
ASSET = "requests"


def event(second):
    return SimpleNamespace(id=second, timestamp=START + timedelta(seconds=second), extra={"key": str(second)})


@dataclass
class Table:
    """Airflow's table of events, as a task sees it."""

    events: list
    broken: bool = False
    since: datetime | None = None
    most: int | None = None
    asked: list = field(default_factory=list)

    def ascending(self):
        return Table(self.events, self.broken, asked=self.asked)

    def limit(self, most):
        self.most = most
        return self

    def after(self, text):
        self.since = datetime.fromisoformat(text)
        return self

    def __iter__(self):
        if self.broken:
            raise RuntimeError("500")
        self.asked.append(self.since)
        return iter([each for each in self.events if self.since is None or each.timestamp >= self.since][: self.most])


def context(table, mine=(), queued=0, state=None):
    return {
        "triggering_asset_events": {ASSET: mine},
        "ti": SimpleNamespace(get_dr_count=lambda dag_id, states: queued),
        "dag": SimpleNamespace(dag_id="shop.events"),
        "dag_run": SimpleNamespace(run_after=START + timedelta(hours=6)),
        "asset_state_store": {ASSET: state if state is not None else State()},
        "inlet_events": {ASSET: table},
    }


class State(dict):
    def set(self, key, value):
        self[key] = value


def keys(heard):
    return [each.extra["key"] for each in heard.events]


def test_the_events_that_woke_no_run_are_read_as_well():
    events = [event(second) for second in range(5)]
    heard = listen(context(Table(events), mine=events[:1]), ASSET)
    assert sorted(keys(heard)) == ["0", "1", "2", "3", "4"]
    assert heard.read_through == events[-1].timestamp


def test_what_was_read_before_is_left_out_but_for_an_overlap():
    events = [event(0), event(2900), event(3300), event(3601), event(3700)]
    state = State({READ_THROUGH: event(3601).timestamp.isoformat()})
    heard = listen(context(Table(events), state=state), ASSET)
    assert keys(heard) == ["3300", "3601", "3700"]
    assert heard.read_before == event(3601).timestamp


def test_a_run_that_waits_behind_this_one_reads_the_others():
    events = [event(second) for second in range(5)]
    table = Table(events)
    heard = listen(context(table, mine=events[:2], queued=1), ASSET)
    assert (keys(heard), heard.read_through, table.asked) == (["0", "1"], None, [])


def test_own_events_survive_a_table_that_cannot_be_read():
    events = [event(0), event(1)]
    heard = listen(context(Table(events, broken=True), mine=events[:1]), ASSET)
    assert (keys(heard), heard.read_through) == (["0"], None)


def test_events_that_can_never_be_read_are_passed_over_in_the_end():
    state, broken = State(), Table([event(0)], broken=True)
    for _ in range(MOST_FAILURES - 1):
        surroundings = context(broken, state=state)
        heard = listen(surroundings, ASSET)
        remember(surroundings, ASSET, heard)
        assert heard.read_through is None
    surroundings = context(broken, state=state)
    remember(surroundings, ASSET, listen(surroundings, ASSET))
    later = event(86400)
    heard = listen(context(Table([event(0), later]), state=state), ASSET)
    assert keys(heard) == [later.extra["key"]]
    assert state.get(FAILURES) == 0


def test_many_events_are_read_page_by_page(monkeypatch):
    monkeypatch.setattr(module, "PAGE", 10)
    events = [event(second) for second in range(35)]
    table = Table(events)
    heard = listen(context(table), ASSET)
    assert keys(heard) == [str(second) for second in range(35)]
    assert len(table.asked) == 4


def test_only_a_whole_reading_is_remembered():
    state, events = State(), [event(1)]
    for queued, expected in ((1, None), (0, events[0].timestamp.isoformat())):
        surroundings = context(Table(events), mine=events, queued=queued, state=state)
        remember(surroundings, ASSET, listen(surroundings, ASSET))
        assert state.get(READ_THROUGH) == expected
