"""A lost connection is tried again; bad data, a bad request and a bug are not."""

import pytest

from evergreen.errors import DataValidationError, DigestMismatchError, RequestError, StoreUnavailableError

PARTS = {"found": "f", "allowed": "a", "remedy": "r"}


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (StoreUnavailableError("no answer", **PARTS), "retry"),
        (ConnectionResetError("peer"), "retry"),
        (TimeoutError("slow"), "retry"),
        (DataValidationError("bad rows", **PARTS), "fail"),
        (RequestError("bad form", **PARTS), "fail"),
        (DigestMismatchError("edited", **PARTS), "fail"),
        (KeyError("bug"), "fail"),
        (RuntimeError("unknown"), "default"),
    ],
)
def test_the_kind_of_error_decides(error, action):
    from evergreen.connect.retries import RETRY_POLICY

    assert RETRY_POLICY.evaluate(error, 1, 3).action.value == action
