"""What may stand where in a definition, in words: for error messages and for the reference pages."""

from __future__ import annotations

import json
import types
import typing
from datetime import date, timedelta
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from evergreen.definitions.problems import one_of
from evergreen.definitions.words import Section

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from evergreen.definitions.problems import Path

_PLAIN_WORDS: dict[object, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "`true` or `false`",
    date: "a day such as 2013-01-31",
    timedelta: "a duration such as 90m, 2h or 14d",
    FilePath: "a path",
    Any: "any value",
}
_LIMIT_WORDS = (
    ("gt", "greater than"),
    ("ge", "at least"),
    ("lt", "less than"),
    ("le", "at most"),
    ("min_length", "in number at least"),
)


def annotation_at(root: type[Section], path: Path) -> object:
    """Return the type of what stands at a path, with its limits; None where nothing belongs."""
    annotation: object = root
    for part in path:
        section = section_in(annotation)
        if section is not None:
            field = section.model_fields.get(str(part))
            annotation = field.rebuild_annotation() if field else None
        else:
            annotation = _element_of(annotation)
    return annotation


def section_in(annotation: object) -> type[Section] | None:
    """Return the section among the alternatives of a type; None when there is none."""
    for part in _alternatives(annotation):
        if isinstance(part, type) and issubclass(part, Section):
            return part
    return None


def fields_at(root: type[Section], path: Path) -> dict[str, FieldInfo] | None:
    """Return the fields of the section at a path; None where no section belongs."""
    annotation = annotation_at(root, path)
    section = section_in(annotation)
    return dict(section.model_fields) if section else None


def field_at(root: type[Section], path: Path) -> FieldInfo | None:
    """Return the field that a path names; None for an element of a list or mapping, and for what does not exist."""
    return (fields_at(root, path[:-1]) or {}).get(str(path[-1])) if path else None


def words_at(root: type[Section], path: Path) -> str:
    """Return what is allowed at a path, such as "a whole number, at least 1"."""
    field = field_at(root, path)
    return field_words(field) if field else type_words(annotation_at(root, path))


def field_words(field: FieldInfo) -> str:
    """Return what a field takes: its type and its limits."""
    return type_words(field.rebuild_annotation())


def type_words(annotation: object) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _annotated_words(arguments[0], annotation.__metadata__)  # type: ignore[attr-defined]  # Annotated has it
    if origin is Literal:
        return one_of(arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_words(part) for part in arguments if part is not type(None))
    if origin is tuple:
        return f"a list, each {type_words(arguments[0])}"
    if origin is dict:
        return f"a mapping of {type_words(arguments[0])} to {type_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return f"the keys {', '.join(annotation.model_fields)}"
    return _PLAIN_WORDS.get(annotation, getattr(annotation, "__name__", "a value"))


def words_of(root: type[Section], path: Path) -> tuple[str, ...]:
    """Return every valid word where a fixed choice of words is allowed; empty where it is not."""
    field = field_at(root, path)
    return _choices(field.annotation if field else annotation_at(root, path))


def placeholder(annotation: Any) -> object:
    """Return some JSON value of a type, to look past a mistake for the next one; None when there is no simple one."""
    choices = _choices(annotation)
    adapter: TypeAdapter[object] = TypeAdapter(annotation)
    for candidate in (*choices[:1], "x", ["x"], "1970-01-01", "1d", 1, {"x": {}}, {}, "ExpectX"):
        try:
            adapter.validate_json(json.dumps(candidate), strict=True, context={"shape_only": True})
        except ValidationError as error:
            if all(problem["type"] == "missing" for problem in error.errors()):
                return candidate
            continue
        return candidate
    return None


def _element_of(annotation: object) -> object:
    for part in _alternatives(annotation):
        if get_origin(part) is tuple:
            return get_args(part)[0]
        if get_origin(part) is dict:
            return get_args(part)[1]
    return None


def _alternatives(annotation: object) -> tuple[object, ...]:
    """Return the members of a union, without what Annotated adds."""
    if get_origin(annotation) is typing.Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(part for member in get_args(annotation) for part in _alternatives(member))
    return (annotation,)


def _choices(annotation: object) -> tuple[str, ...]:
    found = [str(word) for part in _alternatives(annotation) if get_origin(part) is Literal for word in get_args(part)]
    return tuple(found)


def _annotated_words(annotation: object, metadata: tuple[object, ...]) -> str:
    given = next((extra for extra in metadata if isinstance(extra, str)), None)
    if given is not None:
        return given
    parts = [part for extra in metadata for part in _constraints(extra)]
    limits = {name: getattr(part, name) for part in parts for name, _ in _LIMIT_WORDS if hasattr(part, name)}
    text = type_words(annotation)
    fewest = next((part.min_length for part in parts if hasattr(part, "min_length")), 0)
    if fewest:
        return f"{text} ({fewest} or more)"
    if limits.keys() >= {"ge", "le"}:
        return f"{text} from {limits['ge']} to {limits['le']}"
    bounds = [f"{words} {limits[name]}" for name, words in _LIMIT_WORDS if limits.get(name) is not None]
    return ", ".join([text, *bounds])


def _constraints(extra: object) -> list[object]:
    """Return the single limits of one piece of metadata; pydantic's Field keeps a list of them."""
    return list(getattr(extra, "metadata", [extra]))
