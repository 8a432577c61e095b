"""What the gateway ships after an erasure does not bring anybody back, and logs of tables tell no values."""

import pyarrow as pa

from evergreen.definitions.serving import Personal, Serving
from evergreen.erasure.hashes import ErasureHash
from evergreen.serving.log import AnswerSpool
from evergreen.serving.log.shipping import ship_spool
from evergreen.serving.log.spool import spool_folder
from forgotten_world import HASH_KEY, MARK, PERSON
from logged_answers import a_release, an_answer


def keys(world):
    served = world.served
    return sorted(served.read(served.version(), served.rows_by_day(), ["_key"]).column("_key").to_pylist())


def test_what_was_in_the_spool_is_left_out_when_it_is_shipped(world):
    """Whose row it is, is told by the request's fields, by the key, and by either as the log hashes them."""
    world.forget()
    spool = AnswerSpool(spool_folder(world.settings), limit_bytes=2**24, hash_key=HASH_KEY)
    for personal in (Personal(), Personal(hash=("id",)), Personal(drop=("id",))):
        spool.open_log("taxi", Serving(personal=personal))
        spool.announce("taxi", a_release())
        spool.write("taxi", [_about(PERSON), _about("someone")])
    spool.close()
    shipped = ship_spool(world.settings)
    assert shipped.failures == []
    hashed = ErasureHash(HASH_KEY, "taxi").of_personal_field("someone")
    assert [key for key in keys(world) if not key.startswith("row")] == sorted(["someone", "someone", hashed])
    assert world.holding() == []
    assert not [
        path for path in spool_folder(world.settings).rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()
    ]


def test_a_log_is_not_shipped_where_nobody_can_tell_whose_rows_are_erased(world):
    world.forget()
    spool = AnswerSpool(spool_folder(world.settings), limit_bytes=2**24)
    spool.open_log("taxi", Serving())
    spool.announce("taxi", a_release())
    spool.write("taxi", [_about(PERSON)])
    spool.close()
    world.hash_key = ""
    assert "there is no key to hash it with" in ship_spool(world.settings).failures[0]
    world.hash_key = HASH_KEY
    assert ship_spool(world.settings).failures == []
    assert world.holding() == []


def test_a_table_whose_log_has_a_checkpoint_tells_nothing_of_the_values(world):
    trips = world.raw()
    for number in range(25):  # a checkpoint comes with every twentieth version
        day = next(iter(trips.partitions()))
        trips.change_day(day, lambda rows, n=number: rows.set_column(2, "n", pa.array([n] * len(rows), pa.int64())))
    names = [info.uri for info in world.files.list(f"{trips.uri}/_delta_log") if info.uri.endswith(".checkpoint.parquet")]
    assert names
    assert any(MARK.encode() in world.files.read_bytes(name) for name in names)
    world.forget()
    assert world.holding() == []
    assert trips.read(trips.version()).num_rows == 12
    assert sum(found.rows for found in trips.partitions(3).values()) == 13


def _about(person):
    return an_answer(7, key=person, inputs={"id": person, "n": 1})
