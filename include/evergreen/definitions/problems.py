"""Mistakes as values, the words they are told in, and the error that carries them all."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evergreen.errors import Problem

MAX_SHOWN = 20
"""Problems written out in an error's text; the others are counted, and all of them are in its `problems`."""
MAX_TEXT = 80
"""Longest quotation of a value, in characters."""

Path = tuple[str | int, ...]
"""Keys and positions from the top of a definition down to one value."""


@dataclass(frozen=True)
class Mistake:
    """What a section finds wrong with itself: right in shape, wrong in meaning."""

    at: Path
    """The value to correct, counted from the section that tells the mistake."""
    what: str
    found: str
    allowed: str
    hint: str = ""
    rests_on: tuple[Path, ...] = ()
    """The other values that the judgement used. While one of them is itself a mistake, this one is not told."""


def definition_error(problems: Sequence[Problem]) -> DefinitionError:
    """Return the error that tells every problem at once, in the order of file and line."""
    ordered = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
    files = len({problem.file for problem in ordered})
    shown = [f"\n    {problem}" for problem in ordered[:MAX_SHOWN]]
    if len(ordered) > MAX_SHOWN:
        shown.append(f"\n    … and {len(ordered) - MAX_SHOWN} more")
    error = DefinitionError(
        f"{count(len(ordered), 'mistake')} in {count(files, 'file')} of model definitions",
        found="".join(shown),
        allowed="what each line says; docs/reference/definition.md lists every field",
        remedy="correct the lines above, then run `evergreen check`",
    )
    error.problems = ordered
    return error


def nearest(word: object, words: Iterable[str]) -> str:
    """Return "did you mean …?" with the valid word most like `word`, or an empty text."""
    choices = {choice.casefold(): choice for choice in words}
    close = difflib.get_close_matches(str(word).casefold(), choices, n=1, cutoff=0.6)
    return f"did you mean `{choices[close[0]]}`?" if close else ""


def one_of(words: Iterable[object]) -> str:
    """Return the words as a choice: `a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def count(number: int, noun: str) -> str:
    """Return "1 mistake" or "3 mistakes"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def spell(value: object) -> str:
    """Return a short spelling of a value, the way YAML writes it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return f"keys {_shorten(', '.join(str(key) for key in value))}" if value else "an empty mapping"
    if isinstance(value, list):
        plain = all(isinstance(item, str | int | float) for item in value)
        return f"`[{_shorten(', '.join(str(item) for item in value))}]`" if plain else f"a list of {len(value)}"
    return f"`{_shorten(str(value))}`" if str(value) else "an empty text"


def path_text(path: Path) -> str:
    """Return a path the way people write it: `gate.guards[1].metric`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
