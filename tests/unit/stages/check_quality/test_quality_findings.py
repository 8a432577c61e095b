"""Faults are found, each on both sides of its threshold; what the world does by itself is none; nothing raises."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from evergreen.definitions.monitoring import Quality
from evergreen.stages.check_quality import quality_findings
from watched_streams import MONDAY, profile_of, stream

RULES = Quality()
LEARNED = stream(56, first_day=MONDAY - timedelta(days=84), seed=1)
TRAILING = stream(28, first_day=MONDAY - timedelta(days=28), seed=2)
REFERENCE = profile_of(LEARNED)


def a_day(rows=300, **changed):
    frame = stream(1, rows, seed=3)
    for name, values in changed.items():
        frame[name] = values
    return frame


def found(rows, *, trailing=TRAILING, days=(MONDAY,), reference=REFERENCE, numeric=("amount",), rules=RULES):
    findings = quality_findings(
        rows, trailing, days=days, numeric=numeric, categorical=("kind",), reference=reference, rules=rules
    )
    return {(f.check, f.subject): f for f in findings}


def alarms(*arguments, **options):
    return {key for key, finding in found(*arguments, **options).items() if finding.severity == "critical"}


def with_nulls(share, rows=300, seed=4):
    amounts = np.random.default_rng(seed).normal(100, 15, rows)
    amounts[: round(share * rows)] = np.nan
    return a_day(rows, amount=amounts)


def test_a_usual_day_has_no_fault_and_everything_was_looked_at():
    findings = found(a_day())
    assert set(findings) == {
        ("row_count", "rows"),
        ("null_share", "amount"),
        ("out_of_range", "amount"),
        ("scale", "amount"),
        ("null_share", "kind"),
        ("new_category", "kind"),
    }
    assert {finding.severity for finding in findings.values()} == {"ok"}


def test_a_missing_day_names_its_day():
    days = (MONDAY, MONDAY + timedelta(days=1))
    finding = found(a_day(), days=days)["missing_day", "2013-04-02"]
    assert (finding.severity, finding.days) == ("critical", (days[1],))
    assert "a Tuesday usually has 300" in finding.reason


def test_a_weekday_without_rows_is_not_missing():
    learned = LEARNED[[day.weekday() != 0 for day in LEARNED["_day"]]]
    assert not found(a_day().iloc[:0], trailing=TRAILING.iloc[:0], reference=profile_of(learned))


@pytest.mark.parametrize(("rows", "severity"), [(55, "critical"), (85, "critical"), (95, "ok"), (300, "ok")])
def test_rows_against_the_usual_of_the_weekday(rows, severity):
    assert found(a_day(rows))["row_count", "rows"].severity == severity


@pytest.mark.parametrize(
    ("usual", "rows", "severity"), [(195, 40, "critical"), (11, 3, "warning"), (11, 4, "ok"), (40, 3, "critical")]
)
def test_few_rows_are_a_fault_where_a_sound_day_would_hardly_have_so_few(usual, rows, severity):
    trailing = stream(28, usual, first_day=MONDAY - timedelta(days=28))
    assert found(a_day(rows), trailing=trailing)["row_count", "rows"].severity == severity


def test_a_quiet_weekday_is_held_against_its_own_kind():
    mondays = np.array([day.weekday() == 0 for day in TRAILING["_day"]])
    quiet = pd.concat([TRAILING[~mondays], TRAILING[mondays].groupby("_day").head(60)])
    assert found(a_day(55), trailing=quiet)["row_count", "rows"].severity == "ok"


def test_no_day_to_check_is_unknown():
    assert [f.severity for f in found(a_day(), days=()).values()] == ["unknown"]


def test_a_missing_column_is_a_finding_whatever_it_was():
    assert alarms(a_day().drop(columns="amount")) == {("column", "amount")}
    assert alarms(a_day().drop(columns="kind")) == {("column", "kind")}


@pytest.mark.parametrize(("hits", "severity"), [(60, "critical"), (2, "warning")])
def test_text_in_a_number(hits, severity):
    amounts = a_day()["amount"].astype(object)
    amounts[:hits] = "n/a"
    finding = found(a_day(amount=amounts))["column", "amount"]
    assert finding.severity == severity
    assert "'n/a'" in finding.reason


def test_moments_in_a_number():
    assert ("column", "amount") in alarms(a_day(amount=pd.Timestamp("2013-04-01")))


@pytest.mark.parametrize(("share", "severity"), [(1.0, "critical"), (0.2, "critical"), (0.12, "warning"), (0.09, "ok")])
def test_a_burst_of_nulls(share, severity):
    assert found(with_nulls(share))["null_share", "amount"].severity == severity


def test_two_of_ten_rows_are_no_burst_and_infinity_is_no_number():
    assert found(with_nulls(0.2, rows=10))["null_share", "amount"].severity == "warning"
    assert found(a_day(amount=np.inf))["null_share", "amount"].severity == "critical"


def test_a_column_with_gaps_of_its_own_may_have_them():
    swinging = {"amount": lambda r, n, d: np.where(r.random(n) < 0.3 + 0.2 * np.sin(d), np.nan, 1.0 + r.random(n))}
    swinging |= {"kind": lambda r, n, d: r.choice(["a", "b", "c"], n)}
    trailing = stream(28, first_day=MONDAY - timedelta(days=28), **swinging)
    days = [with_nulls(0.5).assign(amount=lambda f: f["amount"] / 100), with_nulls(1.0)]
    reference = profile_of(stream(28, seed=9, **swinging))
    some, all_of_them = (found(day, trailing=trailing, reference=reference)["null_share", "amount"] for day in days)
    assert (some.severity, all_of_them.severity) == ("ok", "warning")
    assert "missing in all" in all_of_them.reason
    assert "is usual" not in all_of_them.reason, "a warning that calls what it warns of usual explains nothing"


def test_gaps_of_one_weekday_are_usual_on_that_weekday():
    trailing = TRAILING.copy()
    trailing.loc[[day.weekday() == 0 for day in trailing["_day"]], "amount"] = np.nan
    assert not alarms(with_nulls(1.0), trailing=trailing)


@pytest.mark.parametrize(("hits", "severity"), [(40, "critical"), (18, "warning"), (14, "ok")])
def test_new_categories(hits, severity):
    kinds = a_day()["kind"].to_numpy(copy=True)
    kinds[:hits] = "z"
    finding = found(a_day(kind=kinds))["new_category", "kind"]
    assert finding.severity == severity
    assert "(z)" in finding.reason


def test_a_category_that_came_weeks_ago_is_no_fault_today():
    trailing = TRAILING.copy()
    trailing.loc[trailing.index % 3 == 0, "kind"] = "z"
    kinds = np.where(np.arange(300) % 3 == 0, "z", "a")
    assert not alarms(a_day(kind=kinds), trailing=trailing)
    assert ("new_category", "kind") in alarms(a_day(kind=kinds), trailing=TRAILING)


@pytest.mark.parametrize(("hits", "severity"), [(130, "critical"), (95, "warning"), (80, "ok")])
def test_values_beyond_every_usual_one(hits, severity):
    amounts = a_day()["amount"].to_numpy(copy=True)
    amounts[:hits] = 190 + np.arange(hits)
    assert found(a_day(amount=amounts))["out_of_range", "amount"].severity == severity


@pytest.mark.parametrize("change", [lambda x: x * 60, lambda x: x / 60, lambda x: (x - 32) / 1.8 - 60, lambda x: 0 * x + 7])
def test_a_changed_unit(change):
    finding = found(a_day(amount=change(a_day()["amount"])))["scale", "amount"]
    assert (finding.severity, finding.days) == ("critical", (MONDAY,))


@pytest.mark.parametrize(("limit", "severity"), [(1.2, "critical"), (1.45, "warning"), (1.7, "ok")])
def test_a_wider_spread_on_both_sides_of_the_limit(limit, severity):
    around = a_day()["amount"].mean()
    amounts = around + 1.609 * (a_day()["amount"] - around)
    assert found(a_day(amount=amounts), rules=Quality(max_scale_change=limit))["scale", "amount"].severity == severity


def test_miles_to_kilometres_with_a_limit_below_their_factor():
    amounts = a_day()["amount"] * 1.609
    assert found(a_day(amount=amounts), rules=Quality(max_scale_change=1.4))["scale", "amount"].severity == "critical"


def _warmth(rng, n_rows, warmer):
    return 60 + warmer + 10 * rng.standard_normal(n_rows)


@pytest.mark.parametrize(
    ("change", "is_fault"),
    [
        (lambda x: (x - 32) / 1.8, True),
        (lambda x: x, False),
        (lambda x: x - 40, False),  # as cold as Celsius, and as wide as ever
        (lambda x: 60 + (x - 60) / 1.8, False),  # a day on which all stations agree
    ],
)
def test_celsius_instead_of_fahrenheit_where_days_differ(change, is_fault):
    warmer = np.random.default_rng(8).normal(0, 12, 28)
    month = stream(28, first_day=MONDAY - timedelta(days=28), amount=lambda r, n, d: _warmth(r, n, warmer[d]))
    today = a_day(amount=change(_warmth(np.random.default_rng(9), 300, -5)))
    found_today = alarms(today, trailing=month, reference=profile_of(month, categorical=()))
    assert (("scale", "amount") in found_today) == is_fault


def test_a_share_near_its_end_is_no_changed_unit():
    """Humid days lie near 100 % and close together; so do dry ones near 0."""
    far = np.linspace(-1.6, 1.6, 28)

    def humidity(rng, n_rows, day):
        return 100 * norm.cdf(far[day * 11 % 28] + 0.6 * rng.standard_normal(n_rows))

    month = stream(28, first_day=MONDAY - timedelta(days=28), amount=humidity)
    reference = profile_of(month, categorical=())
    for today in (-1.9, 1.9):
        humid = a_day(amount=100 * norm.cdf(today + 0.6 * np.random.default_rng(3).standard_normal(300)))
        assert ("scale", "amount") not in alarms(humid, trailing=month, reference=reference)


def test_three_alike_are_no_shrunken_unit():
    """The mean of three stations passes through zero now and then, and on some days they agree."""
    stations = {"amount": lambda r, n, d: r.normal(0, 10) + r.choice(r.normal(0, 4, 3), n)}
    stations |= {"kind": lambda r, n, d: r.choice(["a", "b", "c"], n)}
    year = stream(300, 200, seed=10, **stations)
    reference = profile_of(year[year["_day"] < MONDAY + timedelta(days=90)])
    faults = 0
    for number in range(90, 300):
        day = MONDAY + timedelta(days=number)
        trailing = year[(year["_day"] < day) & (year["_day"] >= day - timedelta(days=28))]
        faults += bool(alarms(year[year["_day"] == day], trailing=trailing, days=(day,), reference=reference))
    assert faults <= 1


@pytest.mark.parametrize(("shift", "severity"), [(15, "ok"), (-20, "ok"), (58, "critical")])
def test_a_harmless_shift_of_a_standard_deviation_is_no_fault(shift, severity):
    findings = found(a_day(amount=a_day()["amount"] + shift))
    assert findings["scale", "amount"].severity == severity
    assert severity == "critical" or not alarms(a_day(amount=a_day()["amount"] + shift))


def test_summer_comes_slowly_and_is_no_fault():
    warming = {"amount": lambda r, n, d: 40 + 0.5 * d + r.normal(0, 6) + r.normal(0, 3, n)}
    warming |= {"kind": lambda r, n, d: r.choice(["a", "b", "c"], n)}
    year = stream(200, rows_per_day=100, first_day=MONDAY, seed=5, **warming)
    reference = profile_of(year[year["_day"] < MONDAY + timedelta(days=60)])
    for number in range(90, 200):
        day = MONDAY + timedelta(days=number)
        trailing = year[(year["_day"] < day) & (year["_day"] >= day - timedelta(days=28))]
        assert not alarms(year[year["_day"] == day], trailing=trailing, days=(day,), reference=reference), day


def test_the_way_back_from_a_long_fault_is_none():
    wrong = TRAILING.assign(amount=TRAILING["amount"] * 60)
    assert ("scale", "amount") not in alarms(a_day(), trailing=wrong)
    assert ("scale", "amount") in alarms(a_day(amount=a_day()["amount"] * 3600), trailing=wrong)


def test_three_faulty_days_of_four_weeks_do_not_become_usual():
    trailing = TRAILING.copy()
    last = MONDAY - timedelta(days=2)
    trailing.loc[trailing["_day"] >= last, "amount"] *= 60
    assert ("scale", "amount") in alarms(a_day(amount=a_day()["amount"] * 60), trailing=trailing)


def test_without_trailing_days_the_reference_speaks_alone():
    none = TRAILING.iloc[:0]
    assert not alarms(a_day(), trailing=none)
    assert ("out_of_range", "amount") in alarms(a_day(amount=a_day()["amount"] * 60), trailing=none)
    assert ("null_share", "amount") in alarms(with_nulls(0.5), trailing=none)


def test_a_calm_day_is_no_fault_while_nothing_is_known_of_how_days_differ():
    """The reference holds calm and wild days together, and no single day is like both."""
    calm = a_day(amount=a_day()["amount"].mean() + (a_day()["amount"] - a_day()["amount"].mean()) / 20)
    assert not alarms(calm, trailing=TRAILING.iloc[:0])
    assert ("scale", "amount") not in alarms(calm)


@pytest.mark.parametrize(
    ("strongest", "today", "is_fault"), [(2.0, 8, False), (2.0, 16, False), (2.0, 20, True), (5.0, 8, False), (5.0, 127, True)]
)
def test_a_storm_is_no_fault_unless_it_is_nine_times_the_wildest_so_far(strongest, today, is_fault):
    """No rain at all on six days of seven; on the others it rains in every row. Inches for centimetres come to 25 times."""
    rain = {3: 1.5, 8: strongest, 13: 2.0, 20: 1.8}
    month = stream(28, first_day=MONDAY - timedelta(days=28), amount=lambda r, n, d: rain.get(d, 0.0) * r.uniform(0.9, 1.1, n))
    wet = a_day(amount=today * np.random.default_rng(1).uniform(0.9, 1.1, 300))
    found_today = alarms(wet, trailing=month, reference=profile_of(month, categorical=()))
    assert (("scale", "amount") in found_today) == is_fault


@pytest.mark.parametrize(("learned", "is_fault"), [(2.0, True), (9.0, False)])
def test_a_storm_after_a_dry_month_is_no_fault_where_the_release_knows_storms(learned, is_fault):
    rain = {3: 1.5, 9: learned}
    days = stream(60, first_day=MONDAY - timedelta(days=88), amount=lambda r, n, d: rain.get(d, 0.0) * r.uniform(0.9, 1.1, n))
    dry = stream(28, first_day=MONDAY - timedelta(days=28), amount=lambda r, n, d: np.zeros(n))
    wet = a_day(amount=8 * np.random.default_rng(1).uniform(0.9, 1.1, 300))
    found_today = alarms(wet, trailing=dry, reference=profile_of(days, categorical=()))
    assert (("scale", "amount") in found_today) == is_fault


def test_few_values_have_no_scale():
    assert ("scale", "amount") not in found(a_day(19, amount=a_day(19)["amount"] * 60))


def test_a_rare_flag_that_is_absent_by_chance_is_no_constant():
    flags = {"amount": lambda r, n, d: (r.random(n) < 0.03) * 1.0, "kind": lambda r, n, d: r.choice(["a", "b"], n)}
    trailing = stream(28, 100, first_day=MONDAY - timedelta(days=28), seed=6, **flags)
    reference = profile_of(stream(56, 100, seed=7, **flags))
    day = stream(1, 100, seed=8, **flags)
    assert not alarms(day.assign(amount=0.0), trailing=trailing, reference=reference)


def test_each_day_is_judged_alone_and_the_worst_speaks():
    days = tuple(MONDAY + timedelta(days=n) for n in range(3))
    week = stream(3, seed=3)
    week.loc[week["_day"] == days[1], "amount"] *= 60
    week.loc[week["_day"] == days[2], "amount"] *= 600
    finding = found(week, days=days)["scale", "amount"]
    assert finding.days == days[1:]
    assert "so on 2 days" in finding.reason
    assert "2013-04-03" in finding.reason


@pytest.mark.parametrize("values", [None, np.nan, np.inf, "", 0, pd.NaT, True])
@pytest.mark.parametrize("column", ["amount", "kind"])
def test_nothing_raises(column, values):
    for rows in (0, 1, 2, 50):
        frame = a_day(rows)
        frame[column] = pd.Series([values] * rows, dtype=object if values is None else None)
        for trailing in (TRAILING, TRAILING.iloc[:0], TRAILING.drop(columns=[column])):
            findings = found(frame, trailing=trailing)
            assert rows < 50 or any(f.severity == "critical" for (_, subject), f in findings.items() if subject == column)


def test_a_feature_without_a_reference_is_still_looked_at():
    bare = REFERENCE.model_copy(update={"features": {}})
    assert not alarms(a_day(), reference=bare)
    broken = a_day(amount=a_day()["amount"] * 60, kind="z")
    assert alarms(broken, reference=bare) == {("out_of_range", "amount"), ("scale", "amount"), ("new_category", "kind")}
