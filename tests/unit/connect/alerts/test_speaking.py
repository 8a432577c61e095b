"""One message per incident and way, again when it changes, once when it is over; a way that is broken is tried again."""

import pytest

from evergreen.connect.alerts.incident import Incident, of_deadline, of_night, of_run, of_silence
from evergreen.connect.alerts.speaking import speak
from evergreen.definitions.alerts import Notify
from evergreen.registry.alerts import IN_FLIGHT, AlertStore
from evergreen.results import Decided

LOG = Notify(channel="log")
PAGER = Notify(channel="sns", to=("arn:aws:sns:us-east-1:1:pager",), level="critical")


@pytest.fixture
def store(tmp_path):
    return AlertStore(f"sqlite:///{tmp_path / 'evergreen.db'}")


@pytest.fixture
def sent():
    return []


@pytest.fixture
def say(store, sent):
    def say(incident, notify=(LOG,), broken=()):
        def deliver(way, message):
            if way.channel in broken:
                raise ConnectionError("https://user:secret@host is down")
            sent.append((way.channel, message.level, message.subject))

        return speak(incident, notify, store, deliver)

    return say


def incident(state="critical", about=("a",)):
    return Incident("m", "monitoring", state, "m: something", ("because",), "http://airflow/x", about)


def decided(**changes):
    values = {
        "model": "m",
        "as_of": "2013-05-01T07:00:00Z",
        "decision_id": "d" * 32,
        "action": "log",
        "cause": "covariate_shift",
        "severity": "warning",
        "reasons": ("temp moved",),
        "starts_training": False,
        "report_uri": "",
    }
    return Decided.model_validate(values | changes)


def test_the_same_incident_is_told_once(say, sent):
    for _ in range(5):
        say(incident())
    assert [level for _, level, _ in sent] == ["critical"]


def test_a_change_is_told_as_one(say, sent):
    say(incident(about=("a",)))
    say(incident(about=("b",)))
    assert [subject for _, _, subject in sent] == ["[critical] m: something", "[critical, changed] m: something"]


def test_the_end_is_told_once_and_a_new_one_begins_afresh(say, sent):
    for state in ("critical", "well", "well", "critical"):
        say(incident(state))
    assert [level for _, level, _ in sent] == ["critical", "recovered", "critical"]
    assert sent[-1][2].startswith("[critical] ")


def test_what_could_not_be_measured_ends_nothing(say, sent):
    say(incident())
    say(incident("unclear"))
    say(incident())
    assert [level for _, level, _ in sent] == ["critical"]


def test_nobody_hears_that_all_is_well_who_heard_of_nothing(say, sent):
    say(incident("well"))
    assert sent == []


def test_each_way_hears_from_its_own_level_on(say, sent):
    ways = (LOG, PAGER)
    for state in ("warning", "critical", "warning", "well"):
        say(incident(state), ways)
    assert [level for channel, level, _ in sent if channel == "log"] == ["warning", "critical", "warning", "recovered"]
    assert [level for channel, level, _ in sent if channel == "sns"] == ["critical", "recovered"]


def test_a_broken_way_fails_nothing_delays_no_other_and_is_tried_again(say, sent, store, caplog):
    spoken = say(incident(), (PAGER, LOG), broken=("sns",))
    assert [(each.channel, each.delivered) for each in spoken] == [("sns", False), ("log", True)]
    assert "ConnectionError" in caplog.text
    assert "secret" not in caplog.text
    say(incident(), (PAGER, LOG))
    assert [channel for channel, _, _ in sent] == ["log", "sns"]
    assert len(store.list("m")) == 2


def test_what_was_not_delivered_is_kept_with_its_words_and_not_with_the_errors(say, store):
    for _ in range(2):
        say(incident(), (PAGER,), broken=("sns",))
    [unsaid] = store.waiting()
    assert (unsaid.model, unsaid.incident, unsaid.level, unsaid.attempt) == ("m", "monitoring", "critical", 2)
    assert (unsaid.subject, unsaid.lines, unsaid.link) == ("[critical] m: something", ("because",), "http://airflow/x")
    assert unsaid.error == "ConnectionError"
    assert store.waiting("another") == []
    say(incident(), (PAGER,))
    assert store.waiting() == []


def test_every_attempt_of_a_message_has_one_id_and_the_next_message_another(store):
    ids, broken = [], True

    def deliver(way, message):
        ids.append(message.id)
        if broken:
            raise ConnectionError

    speak(incident(), (PAGER,), store, deliver)
    broken = False
    speak(incident(), (PAGER,), store, deliver)
    speak(incident(about=("b",)), (PAGER,), store, deliver)
    speak(incident("well"), (PAGER,), store, deliver)
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_incident_that_nobody_could_be_told_of_is_told_when_it_is_over(say, sent, store):
    say(incident(), (PAGER,), broken=("sns",))
    say(incident("well"), (PAGER,), broken=("sns",))
    assert store.waiting()[0].level == "recovered"
    say(incident("well"), (PAGER,))
    assert [level for _, level, _ in sent] == ["recovered"]
    say(incident("well"), (PAGER,))
    assert len(sent) == 1


def test_the_late_all_clear_says_what_could_not_be_told(store):
    messages = []

    def down(way, message):
        raise ConnectionError

    speak(incident(), (PAGER,), store, down)
    speak(incident("well"), (PAGER,), store, lambda way, message: messages.append(message))
    assert messages[0].lines[0] == "Could not be told before: [critical] m: something"


def test_back_to_what_was_told_is_told_again_where_the_change_between_still_waits(say, sent, store):
    say(incident(about=("a",)), (PAGER,))
    say(incident(about=("b",)), (PAGER,), broken=("sns",))
    say(incident(about=("a",)), (PAGER,))
    assert len(sent) == 2
    assert store.waiting() == []


def test_while_one_delivers_nobody_else_does(say, sent, store):
    def deliver(way, message):
        say(incident(), (PAGER,))  # another process, at the same moment

    speak(incident(), (PAGER,), store, deliver)
    assert sent == []


def test_what_a_killed_process_had_begun_is_free_after_a_while(store):
    words = {"fingerprint": "f", "level": "critical", "subject": "s", "lines": (), "link": ""}
    begun = store.begin("m", "monitoring", "t", **words)
    assert store.begin("m", "monitoring", "t", **words) is None
    assert begun.is_under_way(begun.happened_at + IN_FLIGHT * 0.99)
    assert not begun.is_under_way(begun.happened_at + IN_FLIGHT)


def test_of_several_topics_the_one_that_is_down_is_tried_again_alone(store):
    topics, heard = ("arn:aws:sns:us-east-1:1:a", "arn:aws:sns:us-east-1:1:b"), []

    def deliver(way, message):
        if way.to == topics[:1] and not heard:
            heard.append("down")
            raise ConnectionError
        heard.append(way.to[0][-1])

    way = Notify(channel="sns", to=topics)
    for _ in range(2):
        speak(incident(), (way,), store, deliver)
    assert heard == ["down", "b", "a"]


def test_two_addresses_are_two_ways(say, sent):
    say(incident(), (PAGER,))
    say(incident(), (PAGER.model_copy(update={"to": ("arn:aws:sns:us-east-1:1:other",)}),))
    assert len(sent) == 2


def test_drift_that_touches_other_features_tonight_is_the_same_incident(say, sent):
    say(of_night(decided(), ["feature_drift:temp"], ""))
    say(of_night(decided(), ["feature_drift:temp", "feature_drift:wind"], ""))
    assert len(sent) == 1


def test_another_fault_of_the_data_is_news(say, sent):
    fault = decided(cause="upstream_fault", action="quarantine", severity="critical")
    say(of_night(fault, ["null_share:temp"], ""))
    say(of_night(fault, ["null_share:temp"], ""))
    say(of_night(fault, ["null_share:temp", "scale:distance"], ""))
    assert [level for _, level, _ in sent] == ["critical", "critical"]


def test_a_night_that_could_not_tell_is_unclear_and_a_quiet_one_is_well():
    assert of_night(decided(severity="unknown"), [], "").state == "unclear"
    assert of_night(decided(severity="ok", cause="nothing"), [], "").state == "well"


def test_a_run_that_fails_every_night_in_one_task_is_one_incident(say, sent):
    for _ in range(3):
        say(of_run("m", "training", failed_in="gate", link=""))
    say(of_run("m", "training", failed_in="train", link=""))
    say(of_run("m", "training", failed_in=None, link=""))
    assert [level for _, level, _ in sent] == ["critical", "critical", "recovered"]


def test_a_late_run_and_a_failed_one_are_two_incidents(say, sent):
    say(of_run("m", "scoring", failed_in="score", link=""))
    say(of_deadline("m", "scoring", limit_minutes=60, link=""))
    say(of_deadline("m", "scoring", limit_minutes=None, link=""))
    assert [level for _, level, _ in sent] == ["critical", "warning", "recovered"]


@pytest.mark.parametrize(("hours", "state"), [(None, "unclear"), (29.9, "well"), (30.1, "critical")])
def test_silence_is_an_alarm_beyond_its_limit(hours, state):
    assert of_silence("m", hours, 30, "").state == state


def test_a_name_from_the_data_cannot_break_a_line(say, sent):
    say(Incident("m", "monitoring", "critical", "m: x\r\nBcc: everybody", ("a\nb" * 1000,), ""))
    assert "\n" not in sent[0][2]
    assert "\r" not in sent[0][2]
