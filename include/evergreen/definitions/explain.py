"""From pydantic's complaints to problems a person can act on, and past each of them to the next one."""

from __future__ import annotations

import copy
import re
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from evergreen.definitions.problems import nearest, one_of, spell
from evergreen.definitions.shape import annotation_at, field_at, fields_at, placeholder, words_at, words_of
from evergreen.definitions.words import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

    from evergreen.definitions.positions import Document
    from evergreen.definitions.problems import Mistake, Path

_DURATION_IN_WORDS = re.compile(r"\s*(\d+)\s*(s|m|h|d|w)\w*\s*", re.IGNORECASE)
_LOOSE_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


class Explainer:
    """Tells the mistakes of one document, and repairs a copy of it to see what else is wrong.

    Pydantic does not judge a section whose parts are broken. So every broken value is replaced in a copy by its default, or
    by a placeholder, and the copy is judged again. What rests on a replaced value is not told: it may be the repair's fault.
    """

    def __init__(self, root: type[Section], document: Document) -> None:
        self._root = root
        self._document = document
        self._replaced: list[Path] = list(document.unread)
        self._attempts: dict[Path, int] = {}

    def tell_shape(self, values: object, errors: Iterable[ErrorDetails]) -> object:
        """Report errors of shape and return a copy of the values in which they are repaired."""
        repaired = copy.deepcopy(values)
        by_path: dict[Path, ErrorDetails] = {}
        for error in errors:
            by_path.setdefault(_path_of(values, error), error)
        for path, error in by_path.items():
            if not self._rests_on_replaced(path, both_ways=True) and not self._is_misspelt(values, path, error):
                self._tell(values, path, error)
        for path, error in by_path.items():
            repaired = self._repair(repaired, path, error["type"], is_key=_is_about_a_key(error))
        return repaired

    def tell_meaning(self, definition: Section) -> None:
        """Report the mistakes that the sections find in themselves."""
        told: set[Path] = set()
        for here, mistake in _mistakes_in(definition, ()):
            at = (*here, *mistake.at)
            is_key = at[-1:] == (mistake.found.strip("`"),)
            rests_on = [(*here, *path) for path in mistake.rests_on]
            if any(self._rests_on_replaced(path) for path in [at[:-1] if is_key else at, *rests_on]):
                continue
            if told.intersection(rests_on):
                continue  # what rests on a value told already may only follow from it
            # With an element its list is told; with a key of a mapping the mapping's other keys still stand.
            told |= {at, at[:-1]} if at and isinstance(at[-1], int) else {at}
            mark = self._document.key_at(at) if is_key else self._document.value_at(at)
            self._document.add(mark, at, mistake.what, found=mistake.found, allowed=mistake.allowed, hint=mistake.hint)

    def _tell(self, values: object, path: Path, error: ErrorDetails) -> None:
        kind, value = error["type"], _value_at(values, path)
        add, document = self._document.add, self._document
        if kind == "extra_forbidden":
            keys = fields_at(self._root, path[:-1]) or {}
            word = str(path[-1])
            add(document.key_at(path), path, "unknown key", found=spell(word), allowed=one_of(keys), hint=nearest(word, keys))
        elif kind == "missing":
            siblings = _value_at(values, path[:-1])
            found = spell(siblings) if isinstance(siblings, dict) else "no such key"
            add(document.key_at(path[:-1]), path, "a key is missing", found=found, allowed=words_at(self._root, path))
        elif _is_about_a_key(error):
            words = "a name of lower-case letters, digits and _, beginning with a letter, at most 63 long"
            add(document.key_at(path), path[:-1], "a name that cannot be used", found=spell(path[-1]), allowed=words)
        else:
            allowed = words_at(self._root, path)
            choices = words_of(self._root, path)
            what = (
                "unknown word"
                if choices and isinstance(value, str)
                else "wrong type"
                if kind.endswith("_type")
                else "wrong value"
            )
            hint = (nearest(value, choices) if choices and value is not None else "") or _hint(value, allowed)
            add(document.value_at(path), path, what, found=spell(value), allowed=allowed, hint=hint)

    def _is_misspelt(self, values: object, path: Path, error: ErrorDetails) -> bool:
        """Tell whether a missing key stands beside it under a misspelt name, which is reported already."""
        siblings = _value_at(values, path[:-1])
        if error["type"] != "missing" or not isinstance(siblings, dict):
            return False
        keys = fields_at(self._root, path[:-1]) or {}
        return any(key not in keys and nearest(key, keys) == nearest(path[-1], [str(path[-1])]) for key in siblings)

    def _repair(self, values: Any, path: Path, kind: str, *, is_key: bool = False) -> Any:
        if not path:
            self._replaced.append(())
            return {}
        parent, key = _value_at(values, path[:-1]), path[-1]
        field = field_at(self._root, path)
        if isinstance(parent, dict) and kind == "extra_forbidden":
            parent.pop(str(key), None)
        elif isinstance(parent, dict) and field is not None and not field.is_required():
            parent.pop(str(key), None)
            self._replaced.append(path)
        elif isinstance(parent, dict) and field is not None:
            parent[str(key)] = placeholder(field.rebuild_annotation())
            self._replaced.append(path)
        elif isinstance(parent, dict) and is_key:
            # Whoever refers to this name has the same mistake and is told so.
            parent.pop(str(key), None)
        elif isinstance(parent, dict):
            parent[str(key)] = placeholder(annotation_at(self._root, path))
            self._replaced.append(path)
        elif isinstance(parent, list):
            return self._repair(values, path[:-1], kind)
        return values

    def _rests_on_replaced(self, path: Path, *, both_ways: bool = False) -> bool:
        return any(
            path[: len(replaced)] == replaced or (both_ways and replaced[: len(path)] == path) for replaced in self._replaced
        )


def _mistakes_in(section: Section, here: Path) -> Iterator[tuple[Path, Mistake]]:
    """Yield the mistakes of the parts before those of the whole, which may only follow from them."""
    for name in type(section).model_fields:
        yield from _mistakes_below(getattr(section, name), (*here, name))
    for mistake in section.mistakes():
        yield here, mistake


def _mistakes_below(value: object, here: Path) -> Iterator[tuple[Path, Mistake]]:
    if isinstance(value, Section):
        yield from _mistakes_in(value, here)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _mistakes_below(item, (*here, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _mistakes_below(item, (*here, index))


def _path_of(values: object, error: ErrorDetails) -> Path:
    """Return where an error stands, without the names of union members that pydantic puts into its location."""
    path: Path = ()
    for part in error["loc"]:
        inside = _value_at(values, path)
        known = isinstance(part, str) and isinstance(inside, dict) and (part in inside or error["type"] == "missing")
        if not (known or (isinstance(part, int) and isinstance(inside, list))):
            break
        path = (*path, part)
    return path


def _is_about_a_key(error: ErrorDetails) -> bool:
    return error["loc"][-1:] == ("[key]",) and error["type"] not in ("extra_forbidden", "missing")


def _value_at(values: object, path: Path) -> Any:
    for part in path:
        if isinstance(values, dict):
            values = values.get(str(part))
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values


def _hint(value: object, allowed: str) -> str:
    """Return what to write instead, where the value leaves no doubt."""
    text = str(value).strip()
    if allowed == "`true` or `false`" and text.lower() in _BOOLEAN_WORDS:
        return f"write `{_BOOLEAN_WORDS[text.lower()]}`"
    if isinstance(value, (bool, int, float)) and allowed.startswith(("text", "a name", "a column")):
        return f'put it in quotes: "{spell(value).strip("`")}"'
    if isinstance(value, str):
        return _hint_for_text(value, text, allowed)
    return ""


def _hint_for_text(value: str, text: str, allowed: str) -> str:
    if allowed.startswith("a list"):
        return f"write `[{text}]`"
    if "number" in allowed and re.fullmatch(r"[-+]?[0-9.]+", text):
        return "leave the quotes out"
    if allowed.startswith("a time zone"):
        return nearest(text, available_timezones())
    span = _DURATION_IN_WORDS.fullmatch(value)
    if "duration" in allowed and span:
        return f"write `{span[1]}{span[2].lower()}`"
    loose = _LOOSE_DAY.fullmatch(text)
    if allowed.startswith("a day") and loose:
        try:
            return f"write `{date(int(loose[1]), int(loose[2]), int(loose[3])).isoformat()}`"
        except ValueError:
            return ""
    return ""


_BOOLEAN_WORDS: Mapping[str, str] = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
