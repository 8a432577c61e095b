"""What a challenger is asked: the champion's rows where it reads them alike, else the request by its own schema."""

from types import SimpleNamespace

import pytest

from evergreen.errors import CallError
from evergreen.serving.gateway import _asked


def a_trial(*, reads_alike, challenger=True):
    schema = SimpleNamespace(reads_alike=lambda other: reads_alike)
    release = SimpleNamespace(schema=schema) if challenger else None
    return SimpleNamespace(challenger=SimpleNamespace(release=release), champion=SimpleNamespace(schema=object()))


def never(schema):
    raise AssertionError("decoded twice")


@pytest.mark.parametrize("trial", [a_trial(reads_alike=True), a_trial(reads_alike=False, challenger=False)])
def test_rows_that_are_read_alike_are_not_decoded_again(trial):
    assert _asked(trial, ["row"], never).rows == ["row"]


def test_a_request_is_read_by_the_challengers_own_schema():
    assert _asked(a_trial(reads_alike=False), ["row"], lambda schema: ["another row"]).rows == ["another row"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CallError("field 'gate' is missing", found="'secret'", allowed="a", remedy="r"), "field 'gate' is missing"),
        (ZeroDivisionError("secret"), "ZeroDivisionError"),
    ],
)
def test_what_it_cannot_read_is_its_own_failure_and_tells_no_values(error, told):
    def decode(schema):
        raise error

    found = _asked(a_trial(reads_alike=False), ["row"], decode)
    assert found.rows == ()
    assert told in found.error
    assert "secret" not in found.error
