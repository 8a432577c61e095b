"""What a stage hands on is frozen, and the same after Airflow has kept it as JSON."""

import json
import types
import typing
from datetime import UTC, date, datetime
from enum import Enum

import pytest
from pydantic import ValidationError

from evergreen import results
from evergreen.results import Result

KINDS = [
    value for value in vars(results).values() if isinstance(value, type) and issubclass(value, Result) and value is not Result
]
MOMENT = datetime(2013, 4, 1, 7, 0, 0, 123456, tzinfo=UTC)
PLAIN = {str: "text", int: 3, float: 0.1, bool: True, date: date(2013, 3, 10), datetime: MOMENT, typing.Any: "anything"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optional", [True, False])
def test_a_result_survives_json(kind, optional):
    value = _sample(kind, optional)
    assert kind.from_xcom(json.loads(json.dumps(value.to_xcom(), allow_nan=False))) == value


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_frozen_and_takes_nothing_unknown(kind):
    value = _sample(kind, False)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, next(iter(kind.model_fields)), None)
    with pytest.raises(ValidationError, match="surprise"):
        kind.from_xcom({**value.to_xcom(), "surprise": 1})


def _sample(kind, optional):
    return kind(**{name: _value(field.rebuild_annotation(), optional) for name, field in kind.model_fields.items()})


def _value(annotation, optional):
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _value(arguments[0], optional)
    if origin in (typing.Union, types.UnionType):
        return _value(arguments[0], optional) if optional else None
    if origin is tuple:
        return (_value(arguments[0], optional),)
    if origin is dict:
        return {"key" if arguments[0] is str else _value(arguments[0], optional): _value(arguments[1], optional)}
    if origin is typing.Literal:
        return arguments[0]
    if annotation in PLAIN:
        return PLAIN[annotation]
    if issubclass(annotation, Enum):
        return next(iter(annotation))
    return _sample(annotation, optional) if issubclass(annotation, Result) else MOMENT  # AwareDatetime has no type of its own
