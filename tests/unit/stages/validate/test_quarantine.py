"""Which rows stay aside when another run works on the same quarantine."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from evergreen.errors import StoreUnavailableError
from evergreen.results import ValidatedSnapshot
from evergreen.stages.validate import stage, validate
from evergreen.stages.validate.measuring import measure_table
from evergreen.tables.addresses import quarantine_uri
from evergreen.tables.day_table import DayTable
from unit.stages.validate.small_shop import Shop, make_definition

RULES: dict[str, Any] = {
    "expectations": [
        {
            "expect": "ExpectColumnValuesToBeInSet",
            "arguments": {"column": "shop", "value_set": ["north", "south", "west"]},
            "severity": "quarantine",
        }
    ]
}


def with_moons(*positions: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Order `n` of a day is placed at 8:00 plus n minutes."""
    return lambda rows: rows.assign(shop=["moon" if n in positions else shop for n, shop in enumerate(rows.shop)])


def quarantine(shop: Shop) -> DayTable:
    return DayTable(quarantine_uri(shop.settings, shop.definition.name, "orders"), shop.files)


def ids_aside(shop: Shop) -> list[str]:
    table = quarantine(shop)
    version = table.version()
    return [] if version is None else table.read(version).column("id").to_pylist()


def judge_at_nine(shop: Shop, day: date) -> ValidatedSnapshot:
    """Judge when the day's rows up to position 60 are readable."""
    moment = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    return validate(shop.definition, shop.snapshot(moment), shop.settings, force=True)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, after the run has looked at the quarantine and before it writes there."""
    waiting = [happens]

    def measure(job: Any, engine: Any) -> Any:
        measured = measure_table(job, engine)
        if job.name == "orders" and waiting:
            waiting.pop()()
        return measured

    monkeypatch.setattr(stage, "measure_table", measure)


@pytest.fixture
def last(shop: Shop) -> date:
    """Sixteen days, the last of which has two bad rows in the afternoon of an as-of at nine."""
    shop.definition = make_definition(RULES)
    day = shop.deliver_days(16)
    shop.deliver(day, with_moons(98, 99))
    assert shop.judge(day).quarantined_rows == {"orders": 2}
    return day


def test_an_earlier_as_of_takes_nothing_back_that_it_cannot_read(shop: Shop, last: date) -> None:
    before = quarantine(shop).version()
    judge_at_nine(shop, last)
    assert quarantine(shop).version() == before
    assert ids_aside(shop) == [f"{last}-98", f"{last}-99"]


def test_an_earlier_as_of_adds_to_what_is_aside(shop: Shop, last: date) -> None:
    shop.definition = make_definition(RULES | {"deduplicate": "exact"})
    table = quarantine(shop)
    rows = table.read(table.version() or 0).drop_columns(["_day", "_digest", "_position"])
    shop.deliver(last, with_moons(0, 99))
    delivery = f"{last:%Y%m%d}-{shop.raw().partitions()[last].digest[:8]}-"
    stale, present = rows.slice(0, 1), rows.slice(1, 1)
    named = present.set_column(present.column_names.index("_row_id"), "_row_id", pa.array([f"{delivery}99"]))
    table.write_days({last: pa.concat_tables([stale, named])})
    assert judge_at_nine(shop, last).quarantined_rows == {"orders": 2}
    assert ids_aside(shop) == [f"{last}-99", f"{last}-0"], "the row of an earlier delivery is gone"
    assert shop.judge(last).quarantined_rows == {"orders": 2}
    assert ids_aside(shop) == [f"{last}-0", f"{last}-99"]


def test_a_run_at_an_earlier_as_of_beside_training_changes_nothing(
    shop: Shop, last: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: judge_at_nine(shop, last))
    shop.deliver(last + timedelta(1))
    assert shop.judge(last + timedelta(1)).quarantined_rows == {"orders": 2}


@pytest.mark.parametrize("new_day", [True, False], ids=["with a new day", "all days stand"])
def test_a_standing_day_that_another_run_cleared_is_judged_again(
    shop: Shop, last: date, new_day: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: quarantine(shop).write_days({last: pa.table({})}))
    night = last + timedelta(int(new_day))
    if new_day:
        shop.deliver(night)
    with pytest.raises(StoreUnavailableError, match=f"table orders: 1 days, {last}") as failure:
        shop.judge(night, force=True)
    assert failure.value.retryable
    assert shop.judge(night, force=True).quarantined_rows == {"orders": 2}, "the day is judged by what is there"
    assert ids_aside(shop) == [f"{last}-98", f"{last}-99"]


@pytest.mark.parametrize("bad", [(), (5,)], ids=["clean", "with a bad row"])
def test_a_new_day_that_another_run_changed_is_not_accepted(
    shop: Shop, last: date, bad: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = last + timedelta(1)
    shop.deliver(day, with_moons(*bad))
    table = quarantine(shop)
    other = table.read(table.version() or 0).drop_columns(["_day", "_digest", "_position"])
    write_days, version = DayTable.write_days, DayTable.version

    def version_after_another_run(self: DayTable) -> int | None:
        if self.uri == table.uri:
            write_days(self, {day: other})
        return version(self)

    with monkeypatch.context() as patch:
        patch.setattr(DayTable, "version", version_after_another_run)
        with pytest.raises(StoreUnavailableError, match=f"1 days, {day}"):
            shop.judge(day)
    assert shop.judge(day).quarantined_rows == {"orders": 2 + len(bad)}


def test_rows_added_by_an_earlier_as_of_that_another_run_took_back_are_not_passed_over(
    shop: Shop, last: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver(last, with_moons(0, 99))
    change_day = DayTable.change_day

    def undone(self: DayTable, day: date, change: Callable[[pa.Table | None], pa.Table]) -> Any:
        result = change_day(self, day, change)
        self.write_days({day: pa.table({})})
        return result

    with monkeypatch.context() as patch:
        patch.setattr(DayTable, "change_day", undone)
        with pytest.raises(StoreUnavailableError, match=f"1 days, {last}"):
            judge_at_nine(shop, last)
    assert judge_at_nine(shop, last).quarantined_rows == {"orders": 1}
