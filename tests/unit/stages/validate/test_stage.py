"""Nights from end to end, on small tables."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import DataValidationError
from evergreen.stages.validate import measuring
from evergreen.tables.addresses import quarantine_uri, validations_uri
from evergreen.tables.day_table import DayTable
from unit.stages.validate.small_shop import FIRST, ROWS, Shop, make_definition

Change = Callable[[pd.DataFrame], pd.DataFrame]


def expectation(name: str, severity: str, column: str, **arguments: object) -> dict[str, Any]:
    return {"expect": name, "arguments": {"column": column, **arguments}, "severity": severity}


RULES: dict[str, Any] = {
    "max_null_share": {"price": 0.1},
    "expectations": [
        expectation("ExpectColumnValuesToBeInSet", "quarantine", "shop", value_set=["north", "south", "west"]),
        expectation("ExpectColumnValuesToBeBetween", "quarantine", "price", min_value=0, max_value=1000),
        expectation("ExpectColumnMedianToBeBetween", "fail", "price", min_value=5, max_value=50),
        expectation("ExpectColumnMeanToBeBetween", "warn", "price", min_value=14, max_value=16),
    ],
}


def first_rows(count: int, column: str, value: object) -> Change:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.copy()
        rows[column] = rows[column].astype(object)
        rows.loc[rows.index[:count], column] = value
        return rows

    return change


def quarantined(shop: Shop) -> list[dict[str, Any]]:
    table = DayTable(quarantine_uri(shop.settings, shop.definition.name, "orders"), shop.files)
    version = table.version()
    return [] if version is None else table.read(version).to_pylist()


def test_ordinary_days_pass_and_the_night_is_recorded(shop: Shop) -> None:
    last = shop.deliver_days(16)
    shop.definition = make_definition(RULES)
    validated = shop.judge(last)
    assert validated.quarantine == {}
    assert validated.warnings == ()
    page = Path(validated.report_uri).read_text(encoding="utf-8")
    assert "Passed" in page
    assert not re.search(r"(?:src|href)=\"https?:", page), "the page fetches nothing"
    nights = DayTable(validations_uri(shop.settings, "orders_late"), shop.files)
    rows = nights.read(nights.version() or 0).to_pylist()
    assert {row["table"] for row in rows} == {"requests", "orders", "shops"}
    assert {row["outcome"] for row in rows} == {"passed"}


FAILING: dict[str, tuple[Change, str]] = {
    "unit change times 60": (lambda rows: rows.assign(price=rows.price * 60), "ExpectColumnMedianToBeBetween"),
    "all values missing": (lambda rows: rows.assign(price=np.nan), "missing values are few"),
    "a third of the rows": (lambda rows: rows.iloc[:33], "row count is usual"),
    "no rows": (lambda rows: rows.iloc[:0], "row count is usual"),
    "every row twice": (lambda rows: pd.concat([rows, rows]), "keys are unique"),
    "missing keys": (first_rows(2, "id", None), "key is present"),
    "labels of one class": (lambda rows: rows.assign(late=0), "label has two classes"),
    "too many future dates": (first_rows(3, "at", pd.Timestamp("2031-01-01", tz="UTC")), "lies outside its file's day"),
    "an unknown shop everywhere": (lambda rows: rows.assign(shop="moon"), "quarantine is small"),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_broken_delivery_fails_and_leaves_nothing_behind(shop: Shop, case: str) -> None:
    change, said = FAILING[case]
    shop.definition = make_definition(RULES)
    shop.judge(shop.deliver_days(16))
    before = quarantined(shop)
    shop.deliver(FIRST + timedelta(16), change)
    with pytest.raises(DataValidationError, match=re.escape(said)) as failure:
        shop.judge(FIRST + timedelta(16))
    assert quarantined(shop) == before
    pages = [path for path in Path(shop.settings.reports_uri).rglob("*.html") if str(path) in failure.value.remedy]
    assert len(pages) == 1
    assert "Failed" in pages[0].read_text(encoding="utf-8")
    shop.deliver(FIRST + timedelta(16))
    assert shop.judge(FIRST + timedelta(16)).quarantine == {}


ASIDE: dict[str, tuple[Change, str]] = {
    "a future date": (first_rows(2, "at", pd.Timestamp("2031-01-01", tz="UTC")), "at lies outside its file's day"),
    "no event time": (first_rows(2, "at", None), "at is missing"),
    "an unknown shop": (first_rows(2, "shop", "moon"), "ExpectColumnValuesToBeInSet"),
    "a negative price": (first_rows(2, "price", -5.0), "ExpectColumnValuesToBeBetween"),
}


@pytest.mark.parametrize("case", ASIDE)
def test_a_few_bad_rows_are_set_aside_with_the_reason(shop: Shop, case: str) -> None:
    change, reason = ASIDE[case]
    shop.definition = make_definition(RULES)
    last = shop.deliver_days(16)
    shop.deliver(last, change)
    validated = shop.judge(last)
    assert validated.quarantined_rows == {"orders": 2}
    rows = quarantined(shop)
    assert [row["id"] for row in rows] == [f"{last.isoformat()}-0", f"{last.isoformat()}-1"]
    assert all(reason in row["_reasons"] for row in rows)
    digest = shop.raw().partitions()[last].digest
    assert [row["_row_id"] for row in rows] == [f"{last:%Y%m%d}-{digest[:8]}-{n}" for n in range(2)]
    assert f"{last.isoformat()}-1" in Path(validated.report_uri).read_text(encoding="utf-8")


@pytest.mark.parametrize(("rows", "passes"), [(2, True), (3, False)])
def test_the_quarantine_s_limit_is_a_share_of_the_new_rows(shop: Shop, rows: int, passes: bool) -> None:
    shop.definition = make_definition(RULES)
    shop.judge(shop.deliver_days(16))
    day = FIRST + timedelta(16)
    shop.deliver(day, first_rows(rows, "shop", "moon"))
    if passes:
        assert shop.judge(day).quarantined_rows == {"orders": rows}
    else:
        with pytest.raises(DataValidationError, match="quarantine is small"):
            shop.judge(day)


def test_a_corrected_day_comes_back_from_quarantine(shop: Shop) -> None:
    shop.definition = make_definition(RULES)
    last = shop.deliver_days(16)
    clean = shop.judge(last)
    shop.deliver(last, first_rows(2, "shop", "moon"))
    bad = shop.judge(last)
    assert bad.digest != clean.digest
    shop.deliver(last)
    again = shop.judge(last, force=True)
    assert quarantined(shop) == []
    assert (again.digest, again.quarantine) == (clean.digest, {})


def test_changed_rules_take_rows_back(shop: Shop) -> None:
    shop.definition = make_definition(RULES)
    last = shop.deliver_days(16)
    shop.deliver(last, first_rows(2, "price", -5.0))
    assert shop.judge(last).quarantined_rows == {"orders": 2}
    shop.definition = make_definition({})
    assert shop.judge(last).quarantined_rows == {}


def test_a_new_category_and_a_number_beyond_the_range_are_named(shop: Shop) -> None:
    last = shop.deliver_days(16)
    shop.deliver(last, lambda rows: first_rows(3, "shop", "moon")(first_rows(1, "price", 21.1)(rows)))
    warnings = " | ".join(shop.judge(last).warnings)
    assert "orders.shop" in warnings
    assert "moon (3 rows)" in warnings
    assert "orders.price" in warnings
    assert "21.1" in warnings


def test_a_number_within_the_margin_is_no_news(shop: Shop) -> None:
    last = shop.deliver_days(16)
    shop.deliver(last, first_rows(1, "price", 21.0))
    assert shop.judge(last).warnings == ()


def test_novelty_can_quarantine_and_stays_new(shop: Shop) -> None:
    shop.definition = make_definition({"novelty": {"severity": "quarantine"}})
    shop.judge(shop.deliver_days(16))
    for offset in (16, 17):
        shop.deliver(FIRST + timedelta(offset), first_rows(1, "shop", "moon"))
        assert shop.judge(FIRST + timedelta(offset)).quarantined_rows == {"orders": offset - 15}


def test_a_night_judges_only_what_is_new(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[set[date]] = []

    def spy(job: Any, days: Any) -> Any:
        if job.name == "orders":
            read.append(set(days))
        return real(job, days)

    real = measuring.read_days
    monkeypatch.setattr(measuring, "read_days", spy)
    last = shop.deliver_days(16)
    first = shop.judge(last)
    assert shop.judge(last) == first
    shop.deliver(last + timedelta(1))
    shop.judge(last + timedelta(1))
    shop.deliver(FIRST, lambda rows: rows.iloc[1:])
    shop.deliver(last + timedelta(2))
    shop.judge(last + timedelta(2))
    all_days = {FIRST + timedelta(n) for n in range(16)}
    assert read == [all_days, {last + timedelta(1)}, {FIRST, last + timedelta(2)}]


def test_a_failed_night_fails_again_without_being_judged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    last = shop.deliver_days(16)
    shop.deliver(last, lambda rows: pd.concat([rows, rows]))
    with pytest.raises(DataValidationError) as first:
        shop.judge(last)
    monkeypatch.setattr(measuring, "read_days", None)
    with pytest.raises(DataValidationError) as second:
        shop.judge(last)
    assert str(second.value) == str(first.value)


def test_many_small_nights_judge_like_one_big_one(shop: Shop, tmp_path: Path) -> None:
    rules = RULES | {"novelty": {"severity": "quarantine"}}
    shop.definition = make_definition(rules)
    other = Shop(shop.settings.model_copy(update={"tables_uri": str(tmp_path / "b"), "results_uri": str(tmp_path / "r")}))
    other.definition = make_definition(rules)
    other.deliver_shops({"north": 1.0, "south": 2.0, "west": 3.0})
    for home in (shop, other):
        last = home.deliver_days(20)
        home.deliver(FIRST + timedelta(17), first_rows(2, "shop", "moon"))
        home.deliver(FIRST + timedelta(19), first_rows(1, "price", 900.0))
    for offset in range(15, 19):
        shop.judge(FIRST + timedelta(offset))
    small, big = shop.judge(last), other.judge(last)
    assert small.digest == big.digest
    assert quarantined(shop) == quarantined(other)
    assert small.quarantined_rows == {"orders": 3}


def test_an_earlier_as_of_sees_what_was_there_then(shop: Shop) -> None:
    """Judged in the middle of the last day, only some of its rows had arrived; what the whole day set aside stays aside."""
    shop.definition = make_definition(RULES)
    last = shop.deliver_days(16)
    shop.deliver(last, lambda rows: rows.assign(shop=["moon" if n in {0, 99} else s for n, s in enumerate(rows.shop)]))
    whole = shop.judge(last)
    from evergreen.stages.validate import validate

    at_nine = datetime(last.year, last.month, last.day, 9, tzinfo=UTC)
    early = validate(shop.definition, shop.snapshot(at_nine), shop.settings)
    assert early.quarantined_rows == {"orders": 2}
    assert shop.judge(last, force=True).digest == whole.digest
    assert len(quarantined(shop)) == 2


def test_a_key_of_another_day_is_found(shop: Shop) -> None:
    last = shop.deliver_days(16)
    shop.judge(last)
    shop.deliver(last + timedelta(1), first_rows(1, "id", f"{last.isoformat()}-7"))
    with pytest.raises(DataValidationError, match=f"{last.isoformat()}-7"):
        shop.judge(last + timedelta(1))


@pytest.mark.parametrize(("mode", "rows"), [("exact", ROWS), ("keep_last", ROWS)])
def test_declared_copies_are_dropped_and_counted(shop: Shop, mode: str, rows: int) -> None:
    shop.definition = make_definition({"deduplicate": mode})
    last = shop.deliver_days(16)
    shop.deliver(last, lambda frame: pd.concat([frame, frame.iloc[:12]]))
    assert "12 rows dropped" in Path(shop.judge(last).report_uri).read_text(encoding="utf-8")


def test_exact_copies_do_not_excuse_a_repeated_key(shop: Shop) -> None:
    shop.definition = make_definition({"deduplicate": "exact"})
    last = shop.deliver_days(16)
    shop.deliver(last, lambda frame: pd.concat([frame, frame.iloc[:1].assign(price=11.5)]))
    with pytest.raises(DataValidationError, match="keys are unique"):
        shop.judge(last)


def test_a_gap_is_told_once_when_it_may_pass(shop: Shop) -> None:
    shop.definition = make_definition({"row_count": {"severity": "warn"}, "freshness": "10d"})
    shop.deliver_days(16)
    late = FIRST + timedelta(16)
    shop.ask([late])
    assert any("0 rows" in warning for warning in shop.judge(late).warnings)
    shop.deliver(late + timedelta(1))
    assert shop.judge(late + timedelta(1)).warnings == ()


def test_stale_data_fails(shop: Shop) -> None:
    shop.definition = make_definition({"row_count": {"severity": "warn"}})
    last = shop.deliver_days(16)
    shop.ask([last + timedelta(1), last + timedelta(2)])
    shop.judge(last + timedelta(1))
    with pytest.raises(DataValidationError, match="data is fresh"):
        shop.judge(last + timedelta(2))


def test_a_shrunken_reference_table_fails_and_a_new_row_in_it_is_named(shop: Shop) -> None:
    last = shop.deliver_days(8)
    shop.judge(last)
    shop.deliver_shops({"north": 1.0})
    with pytest.raises(DataValidationError, match="1 rows against a median of 3"):
        shop.judge(last)
    shop.deliver_shops({"north": 1.0, "south": 2.0, "west": 3.0, "east": 99.0})
    assert any("99" in warning for warning in shop.judge(last).warnings)


def test_a_rule_that_cannot_be_judged_fails_whatever_its_severity(shop: Shop) -> None:
    shop.definition = make_definition(
        {"expectations": [expectation("ExpectColumnMeanToBeBetween", "warn", "shop", min_value=0)]}
    )
    with pytest.raises(DataValidationError, match="could not be judged"):
        shop.judge(shop.deliver_days(2))
