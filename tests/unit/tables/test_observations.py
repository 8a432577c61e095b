"""An observation is kept under its digest, summed up worst first, and read back only as it was written."""

from datetime import UTC, date, datetime

import pytest

from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.observation import CheckKind, Finding, Observation, Severity, worst_first
from evergreen.settings import Settings
from evergreen.tables.observations import keep_observation, read_observation


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def finding(subject, severity):
    return Finding(check="scale", subject=subject, severity=severity, reason=f"{subject} is {severity}")


def observation(*findings):
    return Observation(
        model="m",
        as_of=datetime(2013, 4, 1, 7, tzinfo=UTC),
        kind=CheckKind.QUALITY,
        release_version="3",
        bundle_digest="b" * 32,
        first_day=date(2013, 3, 25),
        last_day=date(2013, 3, 31),
        rows=10,
        findings=findings,
    )


def test_it_is_summed_up_by_its_worst_finding(settings):
    files = Files.from_settings(settings)
    seen = observation(finding("a", Severity.OK), finding("b", Severity.WARNING), finding("c", Severity.WARNING))
    checked = keep_observation(seen, settings, files)
    assert (checked.kind, checked.severity, checked.headline) == ("quality", "warning", "b is warning")
    assert checked.findings == {"ok": 1, "warning": 2}
    assert "/m/monitoring/20130401T070000Z/observation-quality-" in checked.observation_uri
    assert read_observation(checked, files) == seen


def test_the_same_observation_is_the_same_file(settings):
    files = Files.from_settings(settings)
    assert keep_observation(observation(), settings, files) == keep_observation(observation(), settings, files)


def test_nothing_looked_at_is_unknown(settings):
    checked = keep_observation(observation(), settings, Files.from_settings(settings))
    assert (checked.severity, checked.headline) == ("unknown", "nothing was looked at")


def test_unknown_stands_between_warning_and_ok():
    found = worst_first([finding(s, s) for s in (Severity.OK, Severity.UNKNOWN, Severity.CRITICAL, Severity.WARNING)])
    assert [f.severity for f in found] == ["critical", "warning", "unknown", "ok"]


def test_a_changed_observation_is_refused(settings):
    files = Files.from_settings(settings)
    checked = keep_observation(observation(finding("a", Severity.CRITICAL)), settings, files)
    files.write_bytes(checked.observation_uri, observation().to_bytes())
    with pytest.raises(DigestMismatchError, match="observation of a night is not the one that was written"):
        read_observation(checked, files)


def test_what_went_farthest_past_its_limit_speaks_first():
    def past(subject, value, limit, severity=Severity.CRITICAL):
        return Finding(check="c", subject=subject, severity=severity, value=value, limit=limit, reason=subject)

    found = worst_first(
        [
            past("a little", 0.19, 0.1),
            past("far above", 2.3, 0.1),
            past("far below", 0.1, 0.7),
            past("a warning", 99.0, 0.1, Severity.WARNING),
            past("second", 0.5, 1.0, Severity.OK),
            past("third", 0.9, 1.0, Severity.OK),
        ]
    )
    assert [f.subject for f in found] == ["far above", "far below", "a little", "a warning", "second", "third"]
