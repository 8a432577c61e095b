"""Which days that have landed still want work."""

from datetime import UTC, date, datetime, timedelta

import pytest

from event_stack import release_a_champion
from evergreen.connect.events.landed import due_days, first_as_of, requests_for_landed
from evergreen.features.windows import last_complete_day
from evergreen.registry.requests import RequestStore
from evergreen.settings import Settings
from unit.connect.events.shop import NOW, shop

DAY = date(2026, 3, 5)


def days(first, count):
    return [first + timedelta(days=number) for number in range(count)]


def due(definition, landed, now=NOW):
    return {rule.starts: due_days(definition, rule, landed, now) for rule in definition.events.landing}


@pytest.mark.parametrize("at", ["00:00", "03:00", "23:00"])
@pytest.mark.parametrize("predict_before", ["0d", "2h", "30h", "7d"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_the_as_of_of_a_day_is_the_first_night_that_has_it_complete(at, predict_before, zone):
    data = shop().data.model_dump(mode="json") | {"predict_before": predict_before}
    data["tables"]["orders"]["available_after"] = "-7d"
    definition = shop(schedule={"at": at, "timezone": zone}, data=data)
    as_of = first_as_of(definition, DAY)
    assert last_complete_day(definition, as_of) >= DAY
    assert definition.schedule.day_of(as_of) >= DAY
    before = definition.schedule.moment(definition.schedule.day_of(as_of) - timedelta(days=1))
    assert last_complete_day(definition, before) < DAY or definition.schedule.day_of(before) < DAY


def test_the_newest_days_are_due_and_the_history_is_not():
    assert due(shop(), {"orders": days(date(2026, 2, 1), 33)})["scoring"] == days(date(2026, 3, 3), 3)


def test_a_day_waits_until_its_night_has_come():
    landed = {"orders": days(date(2026, 3, 8), 5)}
    assert due(shop(), landed)["scoring"] == [date(2026, 3, 8), date(2026, 3, 9)]
    assert due(shop(), landed, NOW + timedelta(days=1))["scoring"][-1] == date(2026, 3, 10)


def test_a_day_waits_for_all_its_tables():
    definition = shop(events={"landing": [{"starts": "scoring", "tables": ["orders", "returns"]}]})
    landed = {"orders": days(DAY, 3), "returns": days(DAY, 2)}
    assert due(definition, landed)["scoring"] == days(DAY, 2)
    assert due(definition, {"orders": days(DAY, 3), "returns": []})["scoring"] == []


def test_one_training_stands_for_all_days_that_landed():
    definition = shop(events={"landing": [{"starts": "training"}]})
    assert due(definition, {"returns": days(DAY, 3)})["training"] == [DAY + timedelta(days=2)]


def test_days_outside_the_history_start_nothing():
    data = shop().data.model_dump(mode="json") | {"last_day": "2026-03-06"}
    assert due(shop(data=data), {"orders": [date(2025, 12, 31), *days(DAY, 4)]})["scoring"] == days(DAY, 2)


def land(settings, *landed):
    folder = settings.home / "landing" / "shop" / "orders"
    folder.mkdir(parents=True, exist_ok=True)
    for day in landed:
        (folder / f"{day}.csv").write_text("id,at\n")


def test_what_was_asked_for_once_is_not_missing_again(tmp_path):
    settings = Settings(home=tmp_path)
    release_a_champion(settings, "shop")
    land(settings, "2026-03-07", "2026-03-08", ".2026-03-09")
    missing = requests_for_landed(shop(), settings, NOW)
    assert [(each.kind, each.key) for each in missing] == [("scoring", "2026-03-07"), ("scoring", "2026-03-08")]
    assert missing[0].as_of == datetime(2026, 3, 8, 3, tzinfo=UTC)
    RequestStore(settings.database_url).record(missing[:1])
    assert [each.key for each in requests_for_landed(shop(), settings, NOW)] == ["2026-03-08"]


def test_what_the_clock_has_scored_is_not_asked_for(tmp_path):
    import pyarrow as pa

    from evergreen.files import Files
    from evergreen.tables.addresses import predictions_uri
    from evergreen.tables.day_table import DayTable

    settings = Settings(home=tmp_path)
    release_a_champion(settings, "shop")
    land(settings, "2026-03-07", "2026-03-08")
    DayTable(predictions_uri(settings, "shop"), Files()).write_days({date(2026, 3, 8): pa.table({"_key": ["a"]})})
    assert [each.key for each in requests_for_landed(shop(), settings, NOW)] == ["2026-03-07"]


def test_without_a_champion_a_day_waits_and_is_not_used_up(tmp_path):
    settings = Settings(home=tmp_path)
    land(settings, "2026-03-08")
    definition = shop(events={"landing": [{"starts": "scoring"}, {"starts": "training", "tables": ["orders"]}]})
    assert [each.kind for each in requests_for_landed(definition, settings, NOW)] == ["training"]
    release_a_champion(settings, "shop")
    assert [each.kind for each in requests_for_landed(definition, settings, NOW)] == ["scoring", "training"]


def test_without_rules_nothing_is_listed(tmp_path):
    assert requests_for_landed(shop(events={"landing": []}), Settings(home=tmp_path), NOW) == []
