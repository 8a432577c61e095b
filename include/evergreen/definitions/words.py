"""Small vocabulary of definition fields: names and durations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION_PATTERN = r"^-?\d+(s|m|h|d|w)$"


class Section(BaseModel):
    """Base of every part of a definition: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def parse_duration(value: object) -> object:
    """Turn `90m`, `2h`, `-7d` or `4w` into a timedelta; leave anything else to pydantic's own checks."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.match(_DURATION_PATTERN, value):
        msg = "must be a whole number and a unit: s, m, h, d or w, such as 90m, 2h or 14d"
        raise ValueError(msg)
    return timedelta(seconds=int(value[:-1]) * _UNIT_SECONDS[value[-1]])


def format_duration(value: timedelta) -> str:
    """Write a timedelta the way a definition writes it, in the largest whole unit."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["90m", "2h", "14d"]}),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Share = Annotated[float, Field(ge=0, le=1)]
