"""Records of a rollout are found in the table `served`, on a local folder and on S3."""

from datetime import UTC, datetime, timedelta

import pytest

from evergreen.errors import DataError
from evergreen.files import Files
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.settings import Settings
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable
from logged_answers import MODEL, a_release, an_answer, microseconds

BEGAN = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def table(store, tmp_path):
    settings = Settings(home=tmp_path, tables_uri=store.root, s3_endpoint_url=store.s3_endpoint_url)
    return ServedTable(served_uri(settings, MODEL), Files.from_settings(settings))


def add(table, number, *answers):
    rows = served_rows(
        [an_answer(place, answered_at_us=microseconds(at), rollout_id=rollout) for place, (at, rollout) in enumerate(answers)],
        {a_release().bundle_digest: a_release()},
    )
    table.append(rows, sender="gateway", number=number)


def found(table, rollout_id, since=BEGAN):
    rows = table.read_rollout(table.version(), rollout_id, ["_answered_at", "rollout_id", "nothing"], since=since)
    assert rows.column_names == ["_answered_at", "rollout_id"]
    assert set(rows.column("rollout_id").to_pylist()) <= {rollout_id}
    return sorted(at - BEGAN for at in rows.column("_answered_at").to_pylist())


def minutes(*numbers):
    return [timedelta(minutes=number) for number in numbers]


def test_only_the_records_of_one_rollout_are_returned(table):
    at = [BEGAN + timedelta(minutes=number) for number in range(6)]
    add(table, 1, (at[0], "ours"), (at[1], ""), (at[2], "other"))
    add(table, 2, (at[3], ""), (at[4], "other"))
    add(table, 3, (at[5], "ours"))
    assert found(table, "ours") == minutes(0, 5)
    assert found(table, "other") == minutes(2, 4)
    assert found(table, "nobody") == []


def test_files_of_before_are_not_opened_and_none_of_after_is_missed(table):
    """A file whose newest answer is older is passed over: the gateway may have written gigabytes before."""
    add(table, 1, (BEGAN - timedelta(days=2), "ours"))
    add(table, 2, (BEGAN - timedelta(minutes=1), "ours"), (BEGAN + timedelta(minutes=1), "ours"))
    assert found(table, "ours") == minutes(-1, 1)
    assert found(table, "ours", since=BEGAN - timedelta(days=3)) == [timedelta(days=-2), *minutes(-1, 1)]
    assert found(table, "ours", since=BEGAN + timedelta(hours=1)) == []


def test_put_together_they_are_still_found(table):
    for number in range(50):
        add(table, number + 1, (BEGAN + timedelta(minutes=number), "ours" if number % 2 else ""))
    assert table.compact() is not None
    assert found(table, "ours") == minutes(*range(1, 50, 2))


def test_a_table_of_before_there_were_rollouts_has_none(table):
    rows = served_rows([an_answer(1)], {a_release().bundle_digest: a_release()}).drop_columns(["rollout_id"])
    table.append(rows, sender="gateway", number=1)
    assert table.read_rollout(table.version(), "ours", ["_answered_at"], since=BEGAN).num_rows == 0


def test_without_a_table_there_is_no_version_to_read(table):
    with pytest.raises(DataError):
        table.read_rollout(3, "ours", ["_answered_at"], since=BEGAN)
