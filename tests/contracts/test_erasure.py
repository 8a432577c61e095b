"""A person is erased from a local folder as from S3."""

import pytest

from evergreen.errors import ErasedError
from forgotten_world import PERSON, a_world, answers
from unit.stages.landing_case import definition


@pytest.fixture
def world(store, tmp_path):
    made = a_world(f"{store.root}/home", definition(), tmp_path / "machine", store.s3_endpoint_url)
    made.fill(days=2, slim=True)
    return made


def keys(world):
    served = world.served
    return sorted(served.read(served.version(), served.rows_by_day(), ["_key"]).column("_key").to_pylist())


def test_no_object_holds_the_person_and_no_delivery_brings_it_back(world):
    """One flow, for the sake of time: erase, ask for old versions, ingest, deliver again, write on."""
    assert world.holding()
    report = world.forget()
    assert report.complete
    assert "tables/raw/trips: versions 0" in report.lost
    assert world.holding() == []
    with pytest.raises(ErasedError, match="by anna@office"):
        world.raw().read(0)
    world.ingest(2, force=True)
    assert not world.served.append(answers(PERSON), sender="gateway", number=7), (
        "the sender's number has outlived the rewriting"
    )
    assert world.served.append(answers("someone", first=50), sender="gateway", number=8)
    assert world.holding() == []
    assert keys(world) == ["row-0", "row-1", "row-2", "row-50", "row-51", "row-52", "someone"]
