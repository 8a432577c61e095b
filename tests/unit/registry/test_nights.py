"""One decision a night: what is kept, what stands, what still has to begin, and which days stay out of training."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from evergreen.errors import DigestMismatchError, RegistryError
from evergreen.observation import Action, Cause, NightDecision, Severity
from evergreen.registry.nights import NightStore, decision_id

AS_OF = datetime(2013, 6, 1, 7, tzinfo=UTC)
NIGHT = timedelta(days=1)


def a_night(nights_later=0, **changes):
    values = {
        "model": "flights",
        "as_of": AS_OF + nights_later * NIGHT,
        "release_version": "3",
        "bundle_digest": "b" * 32,
        "cause": Cause.NOTHING,
        "action": Action.LOG,
        "severity": Severity.OK,
        "reasons": ("Nothing to do.",),
        "alarms": (),
        "probed": False,
        "starts_training": False,
        "new_rows": 100,
        "diagnosis_digest": "d" * 32,
        "probe_digest": None,
        "policy_digest": "p" * 32,
        "past_digest": "0" * 32,
    }
    return NightDecision.model_validate(values | changes)


def a_retraining(nights_later=0, **changes):
    return a_night(nights_later, **{"action": Action.RETRAIN, "starts_training": True, "probed": True} | changes)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'folder' / 'evergreen.db'}"


@pytest.fixture
def store(url):
    return NightStore(url)


def other(night, number=1):
    return night.model_copy(update={"diagnosis_digest": str(number) * 32})


class TestRecord:
    def test_a_decision_is_returned_as_it_was_kept(self, store):
        full = a_night(
            cause=Cause.UPSTREAM_FAULT,
            action=Action.QUARANTINE,
            alarms=("scale:temp", "null_share:dest"),
            faulty_days=(date(2013, 5, 30), date(2013, 5, 31)),
            evidence_uri="/folder",
            report_uri="/page.html",
            reasons=("ä in words", "twice"),
        )
        kept = store.record(full)
        assert kept.recorded_at is not None
        assert kept.model_copy(update={"recorded_at": None}) == full
        assert store.get(decision_id(full)) == kept
        assert store.get("0" * 32) is None

    def test_the_same_evidence_finds_what_was_kept(self, store):
        first = store.record(a_night())
        again = a_night(evidence_uri="/elsewhere", report_uri="/other", revision=7, recorded_at=AS_OF)
        assert store.record(again) == first

    def test_other_evidence_is_the_next_revision(self, store):
        night = a_night()
        kept = [store.record(night), store.record(other(night))]
        assert [decision.revision for decision in kept] == [1, 2]
        assert store.record(night) == kept[0]
        assert store.record(other(night)) == kept[1]
        assert store.latest("flights") == kept[1]

    def test_a_decision_to_retrain_stands_whatever_is_found_out_later(self, store):
        store.record(a_night())
        retraining = store.record(a_retraining())
        assert retraining.revision == 2
        for late in (a_night(), other(a_night()), other(a_retraining())):
            assert store.record(late) == retraining

    def test_nights_and_models_do_not_share_revisions(self, store):
        kept = [store.record(night) for night in (a_retraining(), a_retraining(1), a_retraining(model="other"))]
        assert [decision.revision for decision in kept] == [1, 1, 1]

    @given(st.permutations(range(5)), st.integers(0, 5))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_the_order_at_most_one_revision_retrains_and_every_id_is_the_same(self, tmp_path_factory, order, repeats):
        store = NightStore(f"sqlite:///{tmp_path_factory.mktemp('nights') / 'evergreen.db'}")
        offered = [other(a_night(), number) for number in range(3)] + [other(a_retraining(), number) for number in (3, 4)]
        kept = [store.record(offered[number]) for number in [*order, *order[:repeats]]]
        retraining = {decision_id(decision) for decision in kept if decision.action is Action.RETRAIN}
        assert len(retraining) == 1
        assert {decision_id(decision) for decision in kept} <= {decision_id(decision) for decision in offered}
        assert len(store.pending()) == 1


class TestId:
    @pytest.mark.parametrize(
        "change",
        [
            {"model": "other"},
            {"as_of": AS_OF + NIGHT},
            {"release_version": None},
            {"bundle_digest": None},
            {"cause": Cause.CONCEPT_DRIFT},
            {"action": Action.WAIT},
            {"severity": Severity.WARNING},
            {"reasons": ("another",)},
            {"alarms": ("a:b",)},
            {"faulty_days": (date(2013, 1, 1),)},
            {"probed": True},
            {"starts_training": True},
            {"rolls_back_to": "2"},
            {"new_rows": 101},
            {"diagnosis_digest": "1" * 32},
            {"probe_digest": "1" * 32},
            {"probation_digest": "1" * 32},
            {"policy_digest": "1" * 32},
            {"past_digest": "1" * 32},
        ],
    )
    def test_all_that_was_decided_and_what_it_rests_on_is_in_it(self, change):
        assert decision_id(a_night(**change)) != decision_id(a_night())

    def test_a_night_of_before_there_was_a_way_back_keeps_its_id(self):
        assert decision_id(a_night()) == "4997790a2a2847eb6792b19bbf48aa3d"
        assert decision_id(a_retraining(3)) == "a7b0bea4def07969c8e51ac6a8e53cd0"

    def test_every_field_is_either_in_it_or_left_out_on_purpose(self):
        left_out = {"format", "revision", "evidence_uri", "report_uri", "recorded_at"}
        tried = {"model", "as_of", "release_version", "bundle_digest", "cause", "action", "severity", "reasons", "alarms"}
        tried |= {"faulty_days", "probed", "starts_training", "rolls_back_to", "new_rows"}
        tried |= {f"{name}_digest" for name in ("diagnosis", "probe", "probation", "policy", "past")}
        assert set(NightDecision.model_fields) == left_out | tried

    def test_the_clock_on_which_the_moment_was_written_is_not(self):
        there = AS_OF.astimezone(ZoneInfo("America/New_York"))
        assert decision_id(a_night(as_of=there)) == decision_id(a_night())


class TestGuards:
    @pytest.mark.parametrize("table", ["evergreen_nights", "evergreen_arrivals", "evergreen_released_days"])
    @pytest.mark.parametrize(
        "statement",
        ["DELETE FROM {table}", "UPDATE {table} SET rowid = 7", "INSERT OR REPLACE INTO {table} SELECT * FROM {table}"],
    )
    def test_the_database_refuses_to_change_a_row(self, url, store, table, statement):
        kept = store.record(a_retraining())
        store.arrive(decision_id(kept), "run")
        store.release_day("flights", date(2013, 5, 1), "me", "fine")
        engine = create_engine(url)
        with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement.format(table=table)))
        engine.dispose()
        assert store.get(decision_id(kept)) == kept

    def test_nor_to_replace_one_by_its_other_key(self, url, store):
        store.record(a_night())
        engine = create_engine(url)
        names = [column["name"] for column in inspect(engine).get_columns("evergreen_nights")]
        moved = ", ".join("revision + 1" if name == "revision" else name for name in names)
        with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
            connection.execute(text(f"INSERT OR REPLACE INTO evergreen_nights SELECT {moved} FROM evergreen_nights"))
        engine.dispose()

    def test_a_decision_changed_behind_the_guards_is_noticed(self, url, store):
        kept = store.record(a_night())
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER evergreen_nights_no_update"))
            connection.execute(text("UPDATE evergreen_nights SET action = 'retrain', starts_training = 1"))
        engine.dispose()
        reads = (
            lambda: store.get(decision_id(kept)),
            lambda: store.nights("flights", AS_OF + NIGHT, 9),
            lambda: store.pending(),
            lambda: store.latest("flights"),
            lambda: store.record(a_night()),
            lambda: store.arrive(decision_id(kept), "run"),
        )
        for read in reads:
            with pytest.raises(DigestMismatchError, match="was changed"):
                read()


class TestPast:
    def test_newest_first_before_a_moment_each_night_once(self, store):
        for later in (2, 0, 1, 3):  # a night may be decided again long after
            store.record(a_night(later, alarms=(f"a:{later}",)))
        store.record(a_retraining(1, alarms=("a:b",), cause=Cause.CONCEPT_DRIFT))
        store.record(a_night(1, model="other"))
        past = store.nights("flights", AS_OF + 3 * NIGHT, 10)
        assert [night.as_of for night in past] == [AS_OF + 2 * NIGHT, AS_OF + NIGHT, AS_OF]
        again = past[1]
        assert (again.action, again.alarms, again.cause, again.probed) == (Action.RETRAIN, ("a:b",), Cause.CONCEPT_DRIFT, True)
        assert store.get(again.decision_id).revision == 2
        assert store.nights("flights", AS_OF + 3 * NIGHT, 1) == past[:1]
        assert store.nights("flights", AS_OF, 10) == []

    def test_the_newest_night_is_the_newest_by_as_of(self, store):
        assert store.latest("flights") is None
        store.record(a_night(5))
        store.record(a_night(1))
        assert store.latest("flights").as_of == AS_OF + 5 * NIGHT


class TestArrivals:
    def test_a_training_that_has_not_begun_is_pending_until_it_arrives(self, store):
        kept = store.record(a_retraining())
        store.record(a_night(1))
        assert store.pending() == [kept]
        arrival = store.arrive(decision_id(kept), "run-1")
        assert (arrival.decision_id, arrival.run_id) == (decision_id(kept), "run-1")
        assert store.pending() == []

    def test_the_first_run_that_arrives_is_the_one_that_trains(self, store):
        wanted = decision_id(store.record(a_retraining()))
        first = store.arrive(wanted, "run-1")
        assert store.arrive(wanted, "run-1") == first
        assert store.arrive(wanted, "run-2") == first

    def test_what_starts_no_training_is_never_pending(self, store):
        kept = store.record(a_retraining(starts_training=False))
        assert store.pending() == []
        assert store.arrive(decision_id(kept), "by hand").run_id == "by hand"

    def test_by_model_and_by_when_it_was_recorded_oldest_first(self, store):
        kept = [store.record(a_retraining(later, model=model)) for later, model in ((9, "a"), (0, "b"), (5, "a"))]
        assert store.pending() == kept
        assert store.pending("a") == [kept[0], kept[2]]
        assert store.pending(since=kept[1].recorded_at) == kept[1:]
        assert store.pending(since=kept[2].recorded_at + timedelta(microseconds=1)) == []

    @pytest.mark.parametrize("known", [True, False])
    def test_nobody_arrives_for_what_was_not_decided(self, store, known):
        wanted = decision_id(store.record(a_night())) if known else "0" * 32
        with pytest.raises(RegistryError, match="no night has taken"):
            store.arrive(wanted, "run")


class TestSetAside:
    FRIDAY, SATURDAY = date(2013, 5, 31), date(2013, 6, 1)

    def quarantine(self, later, *days, **changes):
        return a_night(later, cause=Cause.UPSTREAM_FAULT, action=Action.QUARANTINE, faulty_days=days, **changes)

    def test_days_with_the_decision_that_first_set_them_aside_as_of_a_moment(self, store):
        first = store.record(self.quarantine(1, self.SATURDAY))
        second = store.record(self.quarantine(2, self.FRIDAY, self.SATURDAY))
        store.record(a_night(3))
        assert store.set_aside("flights", AS_OF) == {}
        assert store.set_aside("flights", AS_OF + NIGHT) == {self.SATURDAY: decision_id(first)}
        aside = {self.FRIDAY: decision_id(second), self.SATURDAY: decision_id(first)}
        assert store.set_aside("flights", AS_OF + 9 * NIGHT) == aside
        assert list(aside) == list(store.set_aside("flights", AS_OF + 9 * NIGHT))
        assert store.set_aside("other", AS_OF + 9 * NIGHT) == {}

    def test_a_revision_that_finds_no_fault_takes_it_back(self, store):
        store.record(self.quarantine(1, self.SATURDAY))
        store.record(a_night(1))
        assert store.set_aside("flights", AS_OF + 9 * NIGHT) == {}

    def test_a_person_releases_a_day_for_good(self, store):
        store.record(self.quarantine(1, self.FRIDAY, self.SATURDAY))
        for reason in ("corrected upstream", "said again"):
            store.release_day("flights", self.SATURDAY, "operator", reason)
        store.release_day("other", self.FRIDAY, "operator", "another model's")
        store.record(self.quarantine(2, self.SATURDAY))
        assert list(store.set_aside("flights", AS_OF + 9 * NIGHT)) == [self.FRIDAY]

    def test_faulty_days_of_a_night_that_does_something_else_stay(self, store):
        store.record(a_night(1, faulty_days=(self.FRIDAY,)))
        assert store.set_aside("flights", AS_OF + 9 * NIGHT) == {}
