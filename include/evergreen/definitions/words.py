"""Small vocabulary of definition fields: names, durations, shares, and the base of every section.

The plain text in an `Annotated` type says in words what the type takes; messages and reference pages repeat it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evergreen.definitions.problems import Mistake

SHAPE_ONLY = {"shape_only": True}
"""Validation context that leaves `mistakes` for later: the loader asks each section itself, to name lines."""
MAX_DURATION_DAYS = 36_525

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION_PATTERN = r"^-?[0-9]{1,9}(s|m|h|d|w)$"
_DURATION_WORDS = "a whole number and a unit (s, m, h, d or w), such as 90m, 2h or 14d"


class Section(BaseModel):
    """Base of every part of a definition: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is right in shape and wrong in meaning, all of it; a part may itself hold mistakes."""
        yield from ()

    @model_validator(mode="after")
    def _refuse_mistakes(self, info: ValidationInfo) -> Self:
        if info.context and info.context.get("shape_only"):
            return self
        found = [f"{mistake.what} (found {mistake.found}; allowed: {mistake.allowed})" for mistake in self.mistakes()]
        if found:
            raise PydanticCustomError("mistakes", "{text}", {"text": "; ".join(found)})
        return self


def parse_duration(value: object) -> object:
    """Turn `90m`, `2h`, `-7d` or `4w` into a timedelta; a timedelta stays as it is."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(_DURATION_PATTERN.strip("^$"), value):
        raise PydanticCustomError("duration", "{words}", {"words": _DURATION_WORDS})
    seconds = int(value[:-1]) * _UNIT_SECONDS[value[-1]]
    if abs(seconds) > MAX_DURATION_DAYS * _UNIT_SECONDS["d"]:
        raise PydanticCustomError("duration", "at most a hundred years")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """Write a timedelta the way a definition writes it, in the largest whole unit up to a day."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def shown(value: object) -> str:
    """Return a default value the way a reference page shows it, in YAML's spelling."""
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Section):
        given = value.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        return ", ".join(f"`{key}: {part}`" for key, part in given.items())
    if isinstance(value, tuple):
        return "; ".join(shown(item) for item in value) or "none"
    if isinstance(value, dict):
        return "none" if not value else ", ".join(f"`{key}: {part}`" for key, part in value.items())
    return f"`{value}`" if str(value) else "empty"


def fits(words: str, test: Callable[[Any], bool]) -> AfterValidator:
    """Return a validator that says in words what it takes."""

    def check(value: Any) -> Any:
        if not test(value):
            raise PydanticCustomError("fits", "{words}", {"words": words})
        return value

    return AfterValidator(check)


def _duration_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": ["90m", "2h", "14d"]})


_ZERO = timedelta(0)
_PARSED = (BeforeValidator(parse_duration), PlainSerializer(format_duration))
_POSITIVE_WORDS = "a duration above zero, such as 90m, 2h or 14d"
_DELAY_WORDS = "a duration of zero or more, such as 0d, 90m or 2h"

AnyDuration = Annotated[timedelta, *_PARSED, _duration_schema(_DURATION_PATTERN), "a duration such as 2h or -7d"]
"""A span of time that may be negative."""
Delay = Annotated[
    timedelta,
    *_PARSED,
    fits(_DELAY_WORDS, lambda value: value >= _ZERO),
    _duration_schema(_DURATION_PATTERN.replace("-?", "")),
    _DELAY_WORDS,
]
"""A span of time, zero or longer."""
Duration = Annotated[
    timedelta,
    *_PARSED,
    fits(_POSITIVE_WORDS, lambda value: value > _ZERO),
    _duration_schema(_DURATION_PATTERN.replace("-?", "")),
    _POSITIVE_WORDS,
]
"""A span of time, longer than nothing."""
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$"),
    "a name of lower-case letters, digits and _, beginning with a letter, at most 63 long",
]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128), "a column name"]
Share = Annotated[float, Field(ge=0, le=1), "a share from 0 to 1"]
