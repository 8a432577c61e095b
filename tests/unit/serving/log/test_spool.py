"""What `write` has taken is in the spool, within the disk space it may use, and nothing that nobody asked for."""

import os
import time

import pytest

from evergreen.definitions.serving import Serving
from evergreen.errors import RequestError, SettingsError, StoreUnavailableError
from evergreen.serving.log import PROBE, AnswerSpool
from evergreen.serving.log.frames import read_frames
from logged_answers import MODEL, a_release, an_answer

DROP = Serving.model_validate({"log": {"when_full": "drop"}})


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def a_spool(root, serving=None, **options):
    spool = AnswerSpool(root, **{"limit_bytes": 2**20, **options})
    spool.open_log(MODEL, serving or Serving())
    spool.announce(MODEL, a_release())
    return spool


def files(root, ending="*"):
    return sorted(root.glob(f"*/{MODEL}/{ending}"))


def write_all(spool, numbers):
    for number in numbers:
        spool.write(MODEL, [an_answer(number)])


def answers_in(root):
    return [answer.key for path in files(root) for answer in read_frames(path.read_bytes()).answers]


def test_a_batch_is_in_the_file_when_write_returns(tmp_path):
    spool = a_spool(tmp_path)
    spool.write(MODEL, [an_answer(0), an_answer(1)])
    assert answers_in(tmp_path) == ["row-0", "row-1"]
    spool.write(MODEL, [an_answer(2)])
    assert [path.name for path in files(tmp_path)] == ["00000001.open"]
    assert answers_in(tmp_path) == ["row-0", "row-1", "row-2"]


def test_a_batch_is_one_write(tmp_path, monkeypatch):
    spool = a_spool(tmp_path)
    spool.write(MODEL, [an_answer(0)])
    calls, write = [], os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (calls.append(len(data)), write(fd, data))[1])
    spool.write(MODEL, [an_answer(number) for number in range(1, 100)])
    assert len(calls) == 1


def test_a_segment_is_closed_by_size(tmp_path):
    spool = a_spool(tmp_path, segment_bytes=2000)
    write_all(spool, range(20))
    spool.tick()
    closed = files(tmp_path, "*.closed")
    assert len(closed) >= 2
    assert all(2000 <= path.stat().st_size < 3000 for path in closed)
    assert answers_in(tmp_path) == [f"row-{number}" for number in range(20)]
    assert all(read_frames(path.read_bytes()).releases for path in files(tmp_path)), "every segment tells of its releases"


def test_a_segment_is_closed_by_age_and_an_idle_model_makes_none(tmp_path):
    clock = Clock()
    spool = a_spool(tmp_path, segment_seconds=60, clock=clock)
    spool.tick()
    assert files(tmp_path) == []
    spool.write(MODEL, [an_answer(0)])
    clock.now = 59
    spool.tick()
    assert [path.name for path in files(tmp_path)] == ["00000001.open"]
    clock.now = 60
    spool.tick()
    assert [path.name for path in files(tmp_path)] == ["00000001.closed"]
    spool.write(MODEL, [an_answer(1)])
    spool.close()
    assert [path.name for path in files(tmp_path)] == ["00000001.closed", "00000002.closed"]


def test_probes_are_not_kept(tmp_path):
    spool = a_spool(tmp_path)
    spool.write(MODEL, [an_answer(0, role=PROBE)])
    assert files(tmp_path) == []
    spool.write(MODEL, [an_answer(1, role=PROBE), an_answer(2)])
    assert answers_in(tmp_path) == ["row-2"]
    assert spool.state().kept == 1


def test_without_room_a_request_is_refused_and_counted(tmp_path):
    spool = a_spool(tmp_path, limit_bytes=3000)
    assert not spool.is_full(MODEL)
    with pytest.raises(StoreUnavailableError, match="EVERGREEN_SPOOL_MB") as caught:
        write_all(spool, range(100))
    assert caught.value.http_status == 503
    state = spool.state()
    assert (state.refused, state.dropped) == (1, 0)
    assert 0 < state.kept == len(answers_in(tmp_path)) < 20
    assert sum(path.stat().st_size for path in files(tmp_path)) == state.used_bytes <= 3000


def test_a_refused_batch_leaves_nothing_behind(tmp_path):
    spool = a_spool(tmp_path, limit_bytes=3000)
    spool.write(MODEL, [an_answer(0)])
    with pytest.raises(StoreUnavailableError):
        spool.write(MODEL, [an_answer(number) for number in range(1, 100)])
    assert answers_in(tmp_path) == ["row-0"]
    assert spool.state().refused == 99
    spool.write(MODEL, [an_answer(1)])
    assert answers_in(tmp_path) == ["row-0", "row-1"]


def test_without_room_answers_are_dropped_and_counted_where_the_definition_says_so(tmp_path):
    spool = a_spool(tmp_path, DROP, limit_bytes=3000)
    write_all(spool, range(100))
    state = spool.state()
    assert state.refused == 0
    assert state.kept + state.dropped == 100
    assert state.dropped > 80
    assert not spool.is_full(MODEL), "such a model answers all the same"


def test_there_is_room_again_when_segments_have_been_shipped(tmp_path):
    spool = a_spool(tmp_path, limit_bytes=3000, segment_bytes=1)
    with pytest.raises(StoreUnavailableError):
        write_all(spool, range(100))
    spool.tick()
    for path in files(tmp_path, "*.closed"):
        path.unlink()
    spool.tick()
    assert spool.state().used_bytes == 0
    spool.write(MODEL, [an_answer(5)])


def test_the_room_is_that_of_all_workers(tmp_path):
    first, second = a_spool(tmp_path, limit_bytes=3000), a_spool(tmp_path, limit_bytes=3000)
    first.write(MODEL, [an_answer(0)])
    used = first.state().used_bytes
    second.tick()
    assert second.state().used_bytes == used
    assert first.folder != second.folder


@pytest.mark.parametrize("cut_works", [True, False])
def test_a_disk_that_takes_half_a_batch_has_taken_none_of_it(tmp_path, monkeypatch, cut_works):
    spool = a_spool(tmp_path)
    spool.write(MODEL, [an_answer(0)])
    write, ftruncate, calls = os.write, os.ftruncate, []

    def nearly_full(fd, data):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, bytes(data)[:100])

    def refuses(fd, length):
        if not cut_works:
            raise OSError(5, "Input/output error")
        ftruncate(fd, length)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", nearly_full)
        patch.setattr(os, "ftruncate", refuses)
        with pytest.raises(StoreUnavailableError, match="No space left"):
            spool.write(MODEL, [an_answer(1), an_answer(2)])
    spool.write(MODEL, [an_answer(3)])
    assert answers_in(tmp_path) == ["row-0", "row-3"]
    assert spool.state().kept == 2


def test_a_disk_that_does_not_sync_is_counted_and_told(tmp_path, monkeypatch, caplog):
    spool = a_spool(tmp_path)
    spool.write(MODEL, [an_answer(0)])

    def fails(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    spool.tick()
    assert spool.state().sync_failures == 1
    assert "may not have reached the disk" in caplog.text


def test_a_release_that_was_not_announced_is_a_mistake(tmp_path):
    spool = a_spool(tmp_path)
    with pytest.raises(RequestError, match="never announced"):
        spool.write(MODEL, [an_answer(0, bundle_digest="x" * 32)])
    assert files(tmp_path) == []


def test_the_rules_of_a_changed_definition_hold_from_then_on(tmp_path):
    spool = a_spool(tmp_path, limit_bytes=1)
    with pytest.raises(StoreUnavailableError):
        spool.write(MODEL, [an_answer(0)])
    spool.open_log(MODEL, DROP)
    spool.write(MODEL, [an_answer(0)])
    assert (spool.state().refused, spool.state().dropped) == (1, 1)


def personal(**fields):
    return Serving.model_validate({"personal": fields})


def test_personal_fields_never_reach_the_disk(tmp_path):
    spool = a_spool(tmp_path, personal(drop=["email"], hash=["id", "carrier", "distance"]), hash_key="secret")
    inputs = {"id": "Ann", "email": "ann@example.org", "carrier": "Bob", "distance": 7, "temp": 3.5}
    spool.write(MODEL, [an_answer(number, key="Ann", inputs=inputs, features=[7.0, 3.5, "Bob", "6"]) for number in (0, 1)])
    data = files(tmp_path)[0].read_bytes()
    assert not [name for name in (b"Ann", b"ann@", b"Bob", b"email") if name in data]
    first, second = read_frames(data).answers
    assert first.key == first.inputs["id"] == second.key
    assert len(first.key) == 64
    assert first.inputs["carrier"] == first.features[2] != first.key
    assert list(first.inputs) == ["id", "carrier", "distance", "temp"]
    assert (first.inputs["temp"], first.features[0], first.features[1], first.features[3]) == (3.5, None, 3.5, "6")


def test_a_hash_needs_its_key_and_depends_on_it(tmp_path):
    with pytest.raises(SettingsError, match="EVERGREEN_HASH_KEY"):
        a_spool(tmp_path / "none", personal(hash=["id"]))
    for secret in ("one", "two"):
        a_spool(tmp_path / secret, personal(hash=["id"]), hash_key=secret).write(MODEL, [an_answer(0)])
    assert answers_in(tmp_path / "one") != answers_in(tmp_path / "two")


def test_a_dropped_feature_of_the_same_name_is_dropped_too(tmp_path):
    spool = a_spool(tmp_path, personal(drop=["carrier", "distance"]))
    spool.write(MODEL, [an_answer(0, features=[1.0, 2.0, "AA", "6"])])
    assert read_frames(files(tmp_path)[0].read_bytes()).answers[0].features == [None, 2.0, None, "6"]


def test_the_thread_brings_answers_to_the_disk_by_itself(tmp_path):
    spool = a_spool(tmp_path, segment_bytes=1)
    spool.write(MODEL, [an_answer(0)])
    spool.start(0.001)
    limit = time.monotonic() + 30
    while not files(tmp_path, "*.closed"):
        assert time.monotonic() < limit, "no tick within 30 seconds"
        os.sched_yield()
    spool.close()
