"""Example rows: real values where there are any, and always rows that the schema takes."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from evergreen.online_inputs import OnlineInputs
from evergreen.reference_profile import CategoryProfile, NumericProfile, ReferenceProfile
from evergreen.serving.examples import EXAMPLE_ROWS, as_json_rows, example_rows
from evergreen.serving.request_schema import RequestSchema

NIGHT = datetime(2026, 4, 1, 7, tzinfo=UTC)
WEEK = (1, 0, 0, 0, 0, 0, 0)
TYPES = {
    "id": "string", "at": "timestamp", "carrier": "string", "gate": "string", "seats": "integer", "distance": "number",
    "weight": "number", "is_first": "boolean", "booked": "timestamp",
}  # fmt: skip


@pytest.fixture
def made():
    numbers = {"rows": 9, "nulls": 0, "nulls_by_weekday": WEEK, "exact": True}
    numbers |= {"minimum": 1, "maximum": 9, "mean": 5, "standard_deviation": 1}
    distance = NumericProfile(**numbers, values=(120.5, 400.0, 2500.0), counts=((1, 1, 1),) * 7)
    gate = CategoryProfile(rows=9, nulls=0, nulls_by_weekday=WEEK, counts={"A1": (1,) * 7, "B2": (2,) * 7})
    profile = ReferenceProfile(
        rows=9,
        days=1,
        features={"distance": distance, "gate": gate},
        probability=None,
        positive_share=0.5,
        answer_share=None,
        rows_by_weekday=WEEK,
    )
    inputs = OnlineInputs(
        as_of=NIGHT,
        features_key="k",
        digest="d",
        row_types=TYPES,
        entities={"carriers": pa.table({"carrier": ["AA", None, "UA"], "late_share": [0.1, 0.2, 0.3]})},
        joined={"planes": pa.table({"seats": [150.0, 180.0, None]})},
    )
    return example_rows(inputs, profile, key=["id"], event_time="at")


def test_values_come_from_what_the_release_knows(made):
    assert set(made["carrier"]) - {None} == {"AA", "UA"}
    assert set(made["seats"]) - {None} == {150, 180}
    assert set(made["distance"]) - {None} <= {120.5, 400.0, 2500.0}
    assert set(made["gate"]) - {None} == {"A1", "B2"}
    assert len(set(made["id"])) == EXAMPLE_ROWS
    assert all(moment > NIGHT for moment in made["at"])


def test_the_first_rows_are_whole_and_some_later_ones_are_not(made):
    first = as_json_rows(made, EXAMPLE_ROWS // 4)
    assert all(value is not None for row in first for value in row.values())
    for name in TYPES:
        assert (None in made[name]) is (name not in ("id", "at", "booked")), name


def test_the_schema_takes_every_one(made):
    schema = RequestSchema(TYPES, {}, required_values={"id", "at"}, max_rows=1)
    assert len(schema.checked(as_json_rows(made, EXAMPLE_ROWS))) == EXAMPLE_ROWS
