"""What a stage already did: found again, or done again; never half there."""

import logging

import pytest

from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.files import Files
from evergreen.results import Result
from evergreen.tables.stage_results import StageResults


class Sum(Result):
    total: int


class NewSum(Result):
    total: int
    unit: str


@pytest.fixture
def results(tmp_path):
    return StageResults(str(tmp_path), "model", Files())


def never():
    pytest.fail("computed again")


def test_nothing_is_there_at_first(results):
    assert results.get("train", "key", Sum) is None


def test_what_was_put_is_found(results, tmp_path):
    results.put("train", "key", Sum(total=3))
    assert results.get("train", "key", Sum) == Sum(total=3)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")] == ["model/train/key.json"]


def test_once_computes_once(results):
    assert results.once("train", "key", Sum, lambda: Sum(total=3)) == Sum(total=3)
    assert results.once("train", "key", Sum, never) == Sum(total=3)


def test_another_key_stage_or_model_is_computed(results, tmp_path):
    results.put("train", "key", Sum(total=3))
    assert results.get("train", "other", Sum) is None
    assert results.get("gate", "key", Sum) is None
    assert StageResults(str(tmp_path), "other", Files()).get("train", "key", Sum) is None


def test_force_computes_again_and_replaces(results):
    results.put("train", "key", Sum(total=3))
    assert results.once("train", "key", Sum, lambda: Sum(total=4), force=True) == Sum(total=4)
    assert results.once("train", "key", Sum, never) == Sum(total=4)


def test_a_failed_computation_leaves_nothing(results):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        results.once("train", "key", Sum, fail)
    assert results.get("train", "key", Sum) is None


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"total": 3', b'{"total": "many"}', b'{"total": 3, "gone": 1}', b"\xff\xfe"])
def test_a_damaged_result_counts_as_absent_and_is_told(results, damaged, caplog):
    results.put("train", "key", Sum(total=3))
    Files().write_bytes(results.uri("train", "key"), damaged)
    with caplog.at_level(logging.WARNING):
        assert results.once("train", "key", Sum, lambda: Sum(total=5)) == Sum(total=5)
    assert "train/key.json" in caplog.text
    assert results.once("train", "key", Sum, never) == Sum(total=5)


def test_a_result_of_an_older_form_counts_as_absent(results):
    results.put("train", "key", Sum(total=3))
    assert results.get("train", "key", NewSum) is None


def test_a_store_that_does_not_answer_is_not_an_absent_result(results, monkeypatch):
    def refuse(self, uri):
        raise StoreUnavailableError("an S3 request failed", found=uri, allowed="an answer", remedy="wait")

    monkeypatch.setattr(Files, "read_bytes", refuse)
    with pytest.raises(StoreUnavailableError):
        results.once("train", "key", Sum, never)


@pytest.mark.parametrize("key", ["", "..", "a/b", "../../etc", ".hidden", "a b"])
def test_a_key_cannot_leave_its_folder(results, key):
    with pytest.raises(RequestError):
        results.put("train", key, Sum(total=1))
