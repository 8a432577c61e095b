"""Every check on both sides of its threshold."""

from datetime import UTC, date, datetime, timedelta

import pytest

from evergreen.definitions.validation import Novelty as NoveltyRules
from evergreen.definitions.validation import RowCount, TableValidation, Validation
from evergreen.results import CheckOutcome
from evergreen.stages.validate.decision import decide, failures
from evergreen.stages.validate.measurement import DayProfile, Novelty, RuleMeasurement, TableMeasurement

FIRST = date(2013, 3, 1)
AS_OF = datetime(2013, 4, 1, 7, tzinfo=UTC)


def profile(offset: int, rows: int = 1000, **changes: object) -> DayProfile:
    day = FIRST + timedelta(days=offset)
    values: dict[str, object] = {
        "day": day,
        "digest": f"d{offset}",
        "delivered_rows": rows,
        "rows": rows,
        "copies": 0,
        "due": True,
        "due_at": AS_OF,
        "settled_at": AS_OF,
        "lag_seconds": 0.0,
        "nulls": {"a": 0},
        "ranges": {},
        "categories": {},
    }
    return DayProfile.model_validate(values | changes)


def measured(*profiles: DayProfile, new: int = 1, **changes: object) -> TableMeasurement:
    days = {p.day: p for p in profiles}
    values: dict[str, object] = {
        "table": "flights",
        "reference": False,
        "new_days": tuple(sorted(days))[len(days) - new :],
        "new_rows": 1000,
        "profiles": days,
        "newest_age_seconds": 0.0,
    }
    return TableMeasurement.model_validate(values | changes)


def outcome(measurement: TableMeasurement, name: str, target: str = "", **rules: object) -> CheckOutcome:
    checks = decide([measurement], Validation(tables={"flights": TableValidation.model_validate(rules)}))
    found = [check for check in checks if check.name == name and check.target == target]
    assert len(found) == 1, [f"{c.name} {c.target}" for c in checks]
    return found[0].outcome


def week(rows: int = 1000) -> list[DayProfile]:
    return [profile(n, rows) for n in range(7)]


def test_an_empty_table_fails() -> None:
    assert outcome(measured(profile(0, rows=0)), "rows are there") == "failed"
    assert outcome(measured(profile(0, rows=1)), "rows are there") == "passed"
    assert outcome(measured(new=0), "rows are there") == "failed"


@pytest.mark.parametrize(
    ("rows", "expected"), [(500, "passed"), (499, "failed"), (2000, "passed"), (2001, "failed"), (1000, "passed")]
)
def test_row_count_is_held_against_the_trailing_median(rows: int, expected: str) -> None:
    assert outcome(measured(*week(), profile(7, rows)), "row count is usual") == expected


def test_row_count_needs_a_week_to_compare_with() -> None:
    six_days = [profile(n) for n in range(6)]
    assert outcome(measured(*six_days, profile(6, 1)), "row count is usual") == "passed"
    assert outcome(measured(*week(), profile(7, 1)), "row count is usual") == "failed"


def test_row_count_forgets_what_lies_before_the_trailing_span() -> None:
    old = [profile(n, 10) for n in range(20)]
    recent = [profile(n, 1000) for n in range(20, 30)]
    rules = RowCount(trailing=timedelta(days=10)).model_dump()
    assert outcome(measured(*old, *recent, profile(30, 900)), "row count is usual", row_count=rules) == "passed"
    assert outcome(measured(*old, *recent, profile(30, 12)), "row count is usual", row_count=rules) == "failed"


def test_row_count_waits_until_a_day_is_due() -> None:
    assert outcome(measured(*week(), profile(7, 1, due=False)), "row count is usual") == "passed"


def test_row_count_can_only_warn() -> None:
    assert outcome(measured(*week(), profile(7, 1)), "row count is usual", row_count={"severity": "warn"}) == "warned"


def test_a_reference_table_is_held_against_its_version_before() -> None:
    before = profile(0, 1000)
    for rows, expected in [(500, "passed"), (499, "failed")]:
        now = measured(profile(0, rows), reference=True, previous=before, newest_age_seconds=None)
        assert outcome(now, "row count is usual") == expected


@pytest.mark.parametrize(("hours", "expected"), [(50, "passed"), (50.01, "failed")])
def test_freshness_is_two_days_after_rows_usually_come(hours: float, expected: str) -> None:
    late = measured(profile(0), newest_age_seconds=hours * 3600, lag_seconds=7200)
    assert outcome(late, "data is fresh") == expected


@pytest.mark.parametrize(("hours", "expected"), [(24, "passed"), (24.01, "failed")])
def test_declared_freshness_takes_the_default_s_place(hours: float, expected: str) -> None:
    late = measured(profile(0), newest_age_seconds=hours * 3600, lag_seconds=7200)
    assert outcome(late, "data is fresh", freshness="1d") == expected


def test_a_missing_day_is_named_where_there_is_nothing_to_compare_with() -> None:
    assert outcome(measured(profile(0), profile(2)), "every day has rows") == "passed"
    gap = measured(profile(0), profile(2), missing_days=(date(2013, 3, 2),))
    assert outcome(gap, "every day has rows") == "warned"
    assert outcome(gap, "row count is usual") == "passed"


def test_a_missing_day_has_no_rows() -> None:
    gap = measured(*week(), missing_days=(FIRST + timedelta(days=7),))
    assert outcome(gap, "row count is usual") == "failed"
    assert outcome(gap, "row count is usual", row_count={"severity": "warn"}) == "warned"
    assert outcome(gap, "row count is usual", row_count={"min_share": 0}) == "passed"
    assert outcome(gap, "every day has rows") == "passed"


def test_repeated_keys_fail() -> None:
    assert outcome(measured(profile(0), repeated_keys=0), "keys are unique") == "passed"
    assert outcome(measured(profile(0), repeated_keys=2), "keys are unique") == "failed"


def test_dropped_copies_are_counted() -> None:
    checks = decide([measured(profile(0, copies=12))], Validation(tables={"flights": TableValidation(deduplicate="exact")}))
    assert any("12 rows dropped" in check.found for check in checks)


@pytest.mark.parametrize(("missing", "expected"), [(50, "passed"), (51, "failed")])
def test_missing_values_have_a_limit(missing: int, expected: str) -> None:
    day = measured(profile(0, nulls={"a": missing}))
    assert outcome(day, "missing values are few", "a", max_null_share={"a": 0.05}) == expected


def test_a_limit_on_an_unknown_column_fails() -> None:
    assert outcome(measured(profile(0)), "missing values are few", "b", max_null_share={"b": 1.0}) == "failed"


def test_missing_values_are_judged_day_by_day() -> None:
    days = measured(profile(0, nulls={"a": 1000}), profile(1), profile(2), new=3)
    assert outcome(days, "missing values are few", "a", max_null_share={"a": 0.5}) == "failed"


@pytest.mark.parametrize(("rows", "expected"), [(20, "passed"), (21, "failed")])
def test_quarantine_has_a_limit(rows: int, expected: str) -> None:
    reasons = {"dest: ExpectX": rows}
    assert outcome(measured(profile(0), quarantined=rows, reasons=reasons), "quarantine is small") == expected


def test_the_quarantine_s_reasons_are_said() -> None:
    checks = decide([measured(profile(0), quarantined=500, reasons={"temp: ExpectX, 0 to 1": 500})], Validation())
    assert "temp" in checks[0].found


def rule(**changes: object) -> RuleMeasurement:
    values: dict[str, object] = {
        "name": "ExpectX",
        "target": "a",
        "severity": "fail",
        "allowed": "x",
        "by": "row",
        "judged": 1000,
    }
    return RuleMeasurement.model_validate(values | changes)


@pytest.mark.parametrize(("severity", "expected"), [("fail", "failed"), ("quarantine", "quarantined"), ("warn", "warned")])
def test_a_broken_rule_counts_by_its_severity(severity: str, expected: str) -> None:
    kept = measured(profile(0), rules=(rule(severity=severity),))
    broken = measured(profile(0), rules=(rule(severity=severity, failing_rows=1, failing_days={FIRST: "1 row"}),))
    assert outcome(kept, "ExpectX", "a") == "passed"
    assert outcome(broken, "ExpectX", "a") == expected


@pytest.mark.parametrize("severity", ["fail", "quarantine", "warn"])
def test_a_rule_that_could_not_be_judged_fails_whatever_its_severity(severity: str) -> None:
    assert outcome(measured(profile(0), rules=(rule(severity=severity, error="no column"),)), "ExpectX", "a") == "failed"


def test_a_quarantine_that_knows_no_rows_fails() -> None:
    aggregate = rule(severity="quarantine", by="day", failing_days={FIRST: "9"})
    assert outcome(measured(profile(0), rules=(aggregate,)), "ExpectX", "a") == "failed"


@pytest.mark.parametrize(("severity", "expected"), [("fail", "failed"), ("quarantine", "quarantined"), ("warn", "warned")])
def test_what_was_never_seen_is_named_with_its_count(severity: str, expected: str) -> None:
    new = Novelty(column="dest", day=FIRST, values={"XYZ": 3}, rows=3, distinct=1, seen="84 categories", kind="category")
    rules = Validation(tables={"flights": TableValidation(novelty=NoveltyRules.model_validate({"severity": severity}))})
    found = [c for c in decide([measured(profile(0), novelties=(new,))], rules) if c.target == "dest"]
    assert [c.outcome for c in found] == [expected]
    assert "1 new category" in found[0].found
    assert "XYZ (3 rows)" in found[0].found
    assert "84 categories" in found[0].allowed


def labels(history: list[tuple[int, int]], day: tuple[int, int]) -> CheckOutcome:
    days = [*history, day]
    profiles = [profile(n, labelled=labelled, positives=yes) for n, (labelled, yes) in enumerate(days)]
    return outcome(measured(*profiles, holds_label=True), "label has two classes")


def test_a_day_of_one_class_fails_where_that_is_implausible() -> None:
    common = [(900, 180)] * 7
    assert labels(common, (900, 0)) == "failed"
    assert labels(common, (900, 900)) == "failed"
    assert labels(common, (900, 1)) == "passed"


def test_the_label_threshold_lies_at_one_in_a_million() -> None:
    """With one yes in two, 2 to the power of -19 is above a millionth and of -20 below."""
    even = [(1000, 500)] * 7
    assert labels(even, (19, 0)) == "passed"
    assert labels(even, (20, 0)) == "failed"


def test_rare_labels_may_miss_on_a_day() -> None:
    assert labels([(1000, 1)] * 7, (1000, 0)) == "passed"


def test_without_history_a_day_of_one_class_only_warns() -> None:
    assert labels([(900, 180)] * 6, (100, 0)) == "warned"
    assert labels([(900, 180)] * 6, (99, 0)) == "passed"


def test_one_class_in_the_whole_window_fails_from_a_thousand_rows_on() -> None:
    assert labels([(100, 0)] * 9, (100, 0)) == "failed"
    assert labels([(100, 0)] * 9, (99, 0)) == "warned"


def test_other_tables_have_no_label_check() -> None:
    checks = decide([measured(profile(0))], Validation())
    assert not [check for check in checks if check.name == "label has two classes"]


def test_failures_come_first_and_are_picked_out() -> None:
    checks = decide([measured(profile(0), repeated_keys=2)], Validation())
    assert checks[0].outcome == "failed"
    assert failures(checks) == (checks[0],)
