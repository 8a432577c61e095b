"""Every cause, both sides of every persistence, and everything that forbids a probe."""

from datetime import date, timedelta

import pytest

from evergreen.digests import digest_bytes
from evergreen.errors import RequestError
from evergreen.observation import Action, Cause, CheckKind, Severity
from evergreen.stages.triage import diagnose
from watched_nights import AS_OF, LONG_AGO, MONITORING, RETRAINING, finding, observation, observations, past_night

AUC, TEMP = "metric:roc_auc", "feature_drift:temp"
CRITICAL, WARNING, UNKNOWN = Severity.CRITICAL, Severity.WARNING, Severity.UNKNOWN


def ask(seen, *past, new_rows=5000, released_at=LONG_AGO, monitoring=MONITORING, **rules):
    return diagnose(
        seen,
        past,
        new_rows=new_rows,
        monitoring=monitoring,
        retraining=RETRAINING.model_copy(update=rules),
        released_at=released_at,
    )


class TestCause:
    @pytest.mark.parametrize(
        ("seen", "past", "cause", "severity"),
        [
            ({}, (), Cause.NOTHING, Severity.OK),
            ({"quality": CRITICAL}, (), Cause.UPSTREAM_FAULT, CRITICAL),
            ({"quality": CRITICAL, "performance": CRITICAL, "operations": CRITICAL}, (), Cause.UPSTREAM_FAULT, CRITICAL),
            ({"operations": CRITICAL, "performance": CRITICAL}, (), Cause.SERVICE_FAULT, CRITICAL),
            ({"performance": CRITICAL, "drift": CRITICAL}, (TEMP,), Cause.CONCEPT_DRIFT, CRITICAL),
            ({"drift": CRITICAL}, (TEMP,), Cause.COVARIATE_SHIFT, WARNING),
            ({"drift": CRITICAL, "performance": WARNING}, (TEMP,), Cause.COVARIATE_SHIFT, WARNING),
            ({"drift": CRITICAL, "performance": UNKNOWN}, (TEMP,), Cause.LABELS_IMMATURE, WARNING),
            ({"drift": CRITICAL}, (), Cause.NOTHING, WARNING),
            ({"drift": WARNING}, (), Cause.NOTHING, WARNING),
            ({"performance": WARNING}, (), Cause.NOTHING, WARNING),
            ({"performance": UNKNOWN}, (), Cause.NOTHING, UNKNOWN),
            ({"drift": UNKNOWN}, (), Cause.NOTHING, UNKNOWN),
        ],
    )
    def test_the_first_that_holds(self, seen, past, cause, severity):
        found = ask(observations(**seen), past_night(1, *past))
        assert (found.cause, found.severity) == (cause, severity)

    def test_every_faulty_day_is_set_aside_and_the_reasons_carry_the_findings_words(self):
        days = (date(2013, 5, 30), date(2013, 5, 29))
        seen = observations()
        seen[CheckKind.QUALITY] = observation(
            CheckKind.QUALITY,
            finding("scale", "temp", CRITICAL, days=days[:1], reason="temp spreads 0.6 times as usual, at least 3 times less"),
            finding("null_share", "dest", CRITICAL, days=days),
            finding("null_share", "origin", WARNING, days=(date(2013, 5, 1),)),
        )
        found = ask(seen)
        assert found.faulty_days == tuple(sorted(days))
        assert found.reasons[0].startswith("The data of 2013-05-29, 2013-05-30 is at fault and is set aside. Temp spreads 0.6")
        assert found.alarms == ("null_share:dest", "scale:temp")
        assert found.warnings == ("null_share:origin",)
        assert not found.wants_probe

    def test_labels_that_stop_coming_are_told_and_are_no_drift(self):
        seen = observations()
        seen[CheckKind.PERFORMANCE] = observation(
            CheckKind.PERFORMANCE, finding("maturity", "labels", CRITICAL), finding("metric", "roc_auc")
        )
        found = ask(seen, released_at=AS_OF - timedelta(days=60))
        assert (found.cause, found.severity, found.wants_probe) == (Cause.NOTHING, WARNING, False)
        assert "labels do not come" in found.reasons[0]

    def test_many_findings_are_counted(self):
        seen = observations()
        many = [finding("feature_drift", f"x{number}", CRITICAL) for number in range(30)]
        seen[CheckKind.DRIFT] = observation(CheckKind.DRIFT, *many)
        found = ask(seen)
        assert len(found.alarms) == 30
        assert "27 more like these." in found.reasons

    def test_it_rests_on_the_digests_of_what_was_seen(self):
        seen = observations()
        assert ask(seen).observations == {kind: digest_bytes(one.to_bytes()) for kind, one in seen.items()}


class TestPersistence:
    @pytest.mark.parametrize(("least", "nights", "expected"), [(1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False)])
    def test_drift_is_explained_after_so_many_nights(self, least, nights, expected):
        past = [past_night(ago, TEMP) for ago in range(1, nights)]
        found = ask(observations(drift=CRITICAL), *past, monitoring=MONITORING.model_copy(update={"persistence": least}))
        assert (found.cause is Cause.COVARIATE_SHIFT) is expected

    @pytest.mark.parametrize(("least", "nights", "expected"), [(1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False)])
    def test_concept_drift_is_probed_after_so_many_nights(self, least, nights, expected):
        past = [past_night(ago, AUC) for ago in range(1, nights)]
        found = ask(observations(performance=CRITICAL), *past, persistence=least)
        assert found.cause is Cause.CONCEPT_DRIFT
        assert found.wants_probe is expected

    def test_a_night_of_warning_does_not_end_an_alarm_that_was_counted(self):
        first = ask(observations(performance=CRITICAL))
        second = ask(observations(performance=WARNING), past_night(1, *first.alarms))
        assert second.alarms == (AUC,)
        assert second.warnings == ()
        assert (second.cause, second.severity, second.wants_probe) == (Cause.CONCEPT_DRIFT, WARNING, True)

    def test_a_warning_alone_never_becomes_an_alarm(self):
        assert ask(observations(performance=WARNING), past_night(1)).alarms == ()

    @pytest.mark.parametrize(
        ("metric", "value", "limit", "is_alarm"),
        [
            ("roc_auc", 0.659, 0.66, True),
            ("roc_auc", 0.66, 0.66, False),
            ("log_loss", 0.51, 0.5, True),
            ("log_loss", 0.49, 0.5, False),
            ("roc_auc", None, 0.66, False),
        ],
    )
    def test_a_metric_past_its_limit_is_an_alarm_although_it_may_be_chance(self, metric, value, limit, is_alarm):
        seen = observations(performance=None)
        doubtful = finding("metric", metric, WARNING).model_copy(update={"value": value, "limit": limit})
        seen[CheckKind.PERFORMANCE] = observation(CheckKind.PERFORMANCE, finding("metric", "brier_score"), doubtful)
        tonight = ask(seen)
        assert tonight.alarms == ((f"metric:{metric}",) if is_alarm else ())
        assert (tonight.cause is Cause.CONCEPT_DRIFT) is is_alarm
        assert ask(seen, past_night(1, *tonight.alarms)).wants_probe is is_alarm

    @pytest.mark.parametrize("between", [Severity.OK, UNKNOWN])
    def test_a_night_within_limits_ends_it_and_one_that_cannot_tell_does_not_carry_it_on(self, between):
        quiet = ask(observations(performance=between), past_night(1, AUC), past_night(2, AUC))
        assert quiet.alarms == ()
        again = ask(observations(performance=CRITICAL), past_night(1, *quiet.alarms), past_night(2, AUC), past_night(3, AUC))
        assert not again.wants_probe
        assert "1 of the 2 nights" in " ".join(again.reasons)

    def test_alarms_are_counted_one_by_one(self):
        found = ask(observations(performance=CRITICAL), past_night(1, "slice:carrier=AA"))
        assert not found.wants_probe

    def test_alarms_about_another_release_do_not_count(self):
        past = (past_night(1, AUC, version="2"), past_night(2, AUC))
        assert not ask(observations(performance=CRITICAL), *past).wants_probe
        assert ask(observations(performance=WARNING), *past).alarms == ()


class TestProbe:
    def lasting(self, *past, **changes):
        return ask(observations(performance=CRITICAL), past_night(1, AUC), *past, **changes)

    def test_concept_drift_that_lasts_asks(self):
        found = self.lasting()
        assert found.wants_probe
        assert "2 of 2 nights in a row" in " ".join(found.reasons)

    @pytest.mark.parametrize(("new_rows", "expected"), [(1999, False), (2000, True), (None, False)])
    def test_new_rows(self, new_rows, expected):
        assert self.lasting(new_rows=new_rows).wants_probe is expected

    @pytest.mark.parametrize(
        ("since", "expected"), [(timedelta(days=7), True), (timedelta(days=7, seconds=-1), False), (-timedelta(days=1), False)]
    )
    def test_cooldown_since_the_release(self, since, expected):
        assert self.lasting(released_at=AS_OF - since).wants_probe is expected

    def test_a_release_of_unknown_age_forbids(self):
        assert not self.lasting(released_at=None).wants_probe

    @pytest.mark.parametrize(("nights_ago", "expected"), [(6, False), (7, True)])
    @pytest.mark.parametrize("action", [Action.RETRAIN, Action.LOG])
    def test_cooldown_since_a_training_was_decided_on_or_a_probe_said_no(self, nights_ago, expected, action):
        assert self.lasting(past_night(nights_ago, action=action, probed=True)).wants_probe is expected

    @pytest.mark.parametrize(("oldest", "expected"), [(29, False), (30, True)])
    def test_budget(self, oldest, expected):
        spent = [past_night(ago, action=Action.RETRAIN) for ago in (10, 15, 20, oldest)]
        assert self.lasting(*spent, released_at=AS_OF - timedelta(days=8)).wants_probe is expected

    @pytest.mark.parametrize(("days", "expected"), [(13, False), (14, True)])
    def test_without_an_alarm_every_so_often_since_the_release(self, days, expected):
        assert ask(observations(), released_at=AS_OF - timedelta(days=days)).wants_probe is expected

    @pytest.mark.parametrize(("nights_ago", "expected"), [(13, False), (14, True)])
    def test_or_since_the_last_probe(self, nights_ago, expected):
        asked = past_night(nights_ago, probed=True)
        assert ask(observations(), asked, released_at=AS_OF - timedelta(days=90)).wants_probe is expected

    def test_never_without_an_alarm_where_the_definition_says_so(self):
        probe = RETRAINING.probe.model_copy(update={"every": None})
        assert not ask(observations(), released_at=AS_OF - timedelta(days=90), probe=probe).wants_probe

    @pytest.mark.parametrize("kind", ["quality", "operations"])
    def test_no_probe_while_a_fault_is_open(self, kind):
        found = ask(observations(**{kind: CRITICAL}), released_at=AS_OF - timedelta(days=90))
        assert not found.wants_probe
        assert "No probe tonight. A fault is open." in found.reasons

    @pytest.mark.parametrize("kind", ["quality", "performance", "operations"])
    def test_nor_where_a_check_could_tell_nothing(self, kind):
        assert not ask(observations(**{kind: UNKNOWN}), released_at=AS_OF - timedelta(days=90)).wants_probe


class TestIncomplete:
    @pytest.mark.parametrize("kind", list(CheckKind))
    @pytest.mark.parametrize("empty", [True, False])
    def test_a_missing_kind_leaves_the_night_unexplained(self, kind, empty):
        seen = observations(drift=CRITICAL) | ({kind: observation(kind)} if empty else {})
        if not empty:
            del seen[kind]
        found = ask(seen, past_night(1, TEMP, AUC), released_at=AS_OF - timedelta(days=90))
        assert (found.cause, found.wants_probe) == (Cause.NOTHING, False)
        assert found.severity is UNKNOWN
        assert kind.value in found.reasons[0]

    def test_what_is_critical_for_sure_is_told_although_it_is_not_explained(self):
        found = ask(observations(performance=CRITICAL, drift=None), past_night(1, AUC))
        assert (found.cause, found.severity, found.wants_probe) == (Cause.NOTHING, CRITICAL, False)

    @pytest.mark.parametrize("kind", ["drift", "performance", "operations"])
    def test_a_fault_of_the_data_is_a_fault_all_the_same(self, kind):
        found = ask(observations(quality=CRITICAL, **{kind: None}))
        assert (found.cause, found.severity, found.wants_probe) == (Cause.UPSTREAM_FAULT, CRITICAL, False)

    def test_a_fault_of_the_machinery_needs_data_that_was_looked_at(self):
        assert ask(observations(operations=CRITICAL, drift=None)).cause is Cause.SERVICE_FAULT
        assert ask(observations(operations=CRITICAL, quality=None)).cause is Cause.NOTHING

    def test_nothing_to_watch(self):
        found = ask(observations(version=None), released_at=None)
        assert (found.cause, found.severity, found.wants_probe) == (Cause.NOTHING, UNKNOWN, False)
        assert "no release" in found.reasons[0]

    def test_nothing_is_made_of_no_observation_or_of_several_nights(self):
        with pytest.raises(RequestError, match="cannot be diagnosed"):
            ask({})
        mixed = observations() | {CheckKind.DRIFT: observations(version="2")[CheckKind.DRIFT]}
        with pytest.raises(RequestError, match="cannot be diagnosed"):
            ask(mixed)
