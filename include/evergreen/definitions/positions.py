"""YAML text → plain values, each with its line: YAML 1.2 words, no tags, bounded size, every slip reported."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from evergreen.definitions.problems import path_text, spell
from evergreen.errors import Problem

if TYPE_CHECKING:
    from evergreen.definitions.problems import Path

MAX_BYTES = 262_144
"""Largest model.yaml."""
MAX_VALUES = 20_000
"""Most values after every alias is followed: a few hundred bytes of aliases can stand for billions."""
MAX_DEPTH = 40
MAX_DIGITS = 40

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _STR = (f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "str"))
_PLAIN_TAGS = {f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_WORDS = (
    (_NULL, r"~|null|Null|NULL|", [*"~nN", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    (_INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    (_FLOAT, r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", [*"-+.0123456789"]),
)
"""The core schema of YAML 1.2 (section 10.3.2): `yes`, `no`, `on`, `off`, dates and times of day are plain text."""

_Parser: type = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader


class _Composer(_Parser):  # type: ignore[misc]  # which of the two is known at run time only
    """Builds the node graph and gives plain words their YAML 1.2 meaning."""


for _tag, _pattern, _first in _WORDS:
    _Composer.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


@dataclass
class Document:
    """The values of one YAML file and where each of them stands."""

    file: str
    values: Any = None
    problems: list[Problem] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)
    """Where a value could not be read; None stands there."""
    _value_marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _key_marks: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def value_at(self, path: Path) -> tuple[int, int]:
        """Return line and column of a value, counted from 1; of the nearest key above it when it is not there."""
        if path in self._value_marks:
            return self._value_marks[path]
        return next((self._key_marks[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._key_marks), (1, 1))

    def key_at(self, path: Path) -> tuple[int, int]:
        """Return line and column of a value's key; of the value itself in a list."""
        return self._key_marks.get(path) or self.value_at(path)

    def add(self, mark: tuple[int, int], path: Path, what: str, *, found: str, allowed: str, hint: str = "") -> None:
        """Report a problem at a line and column."""
        self.problems.append(Problem(self.file, *mark, path_text(path), what, found, allowed, hint))


def read_document(file: str, data: bytes) -> Document:
    """Parse YAML bytes into plain values; what cannot be read is in the document's `problems`.

    Anchors and aliases are followed, up to MAX_VALUES values. Of a key given twice the first one counts.
    """
    document = Document(file)
    text = _decode(document, data)
    if text is None:
        return document
    try:
        root = yaml.compose(text, Loader=_Composer)
    except RecursionError:
        document.add(
            (1, 1), (), "the definition is too deep", found="brackets within brackets", allowed=f"at most {MAX_DEPTH} levels"
        )
        return document
    except yaml.MarkedYAMLError as error:
        _add_syntax_problem(document, text, error)
        return document
    except yaml.YAMLError as error:
        _add_unreadable_character(document, text, error)
        return document
    if root is not None:
        document.values = _Reader(document).read(root, ())
    return document


def _decode(document: Document, data: bytes) -> str | None:
    if len(data) > MAX_BYTES:
        document.add((1, 1), (), "the file is too large", found=f"{len(data):,} bytes", allowed=f"at most {MAX_BYTES:,} bytes")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        document.add((line, 0), (), "the file is not UTF-8", found=f"byte 0x{data[error.start]:02x}", allowed="UTF-8 text")
        return None


def _add_syntax_problem(document: Document, text: str, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        document.add(at, (), "a tab is used for indentation", found=spell(line.strip()), allowed="spaces")
        return
    since = f" ({error.context}, which begins in line {error.context_mark.line + 1})" if error.context_mark else ""
    document.add(at, (), f"not YAML: {error.problem}{since}", found=spell(line.strip() or None), allowed="YAML 1.2")


def _add_unreadable_character(document: Document, text: str, error: yaml.YAMLError) -> None:
    bad = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if bad is None:
        document.add((1, 1), (), f"not YAML: {error}", found="text that cannot be read", allowed="YAML 1.2")
        return
    line = text.count("\n", 0, bad.start()) + 1
    column = bad.start() - text.rfind("\n", 0, bad.start())
    document.add(
        (line, column), (), "a character that YAML forbids", found=f"U+{ord(bad.group()):04X}", allowed="printable text"
    )


class _Reader:
    """Walks a node graph once per place that a node stands in."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._values = 0
        self._open: list[int] = []
        self._full = False

    def read(self, node: yaml.Node, path: Path) -> Any:
        mark = _mark(node)
        self._document._value_marks[path] = mark
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH or id(node) in self._open:
            self._stop(mark, path, recursive=id(node) in self._open)
            return None
        if node.tag not in _PLAIN_TAGS:
            self._document.unread.append(path)
            self._document.add(
                mark, path, "a YAML tag", found=spell(node.tag.replace(_TAG, "!!")), allowed="plain values, lists and mappings"
            )
            return None
        self._open.append(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._read_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value) if not self._full]
            return self._read_scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self._open.pop()

    def _read_mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if self._full:
                break
            key = self._read_key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in values:
                first = self._document.key_at(here)
                self._document.add(
                    _mark(key_node),
                    here,
                    "a key is given twice",
                    found=f"`{key}`, first in line {first[0]}",
                    allowed="each key once",
                )
                continue
            self._document._key_marks[here] = _mark(key_node)
            values[key] = self.read(value_node, here)
        return values

    def _read_key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _STR and node.value != "<<":
            return str(node.value)
        merge = isinstance(node, yaml.ScalarNode) and node.value == "<<"
        self._document.add(
            _mark(node),
            path,
            "`<<` is no key of YAML 1.2" if merge else "a key is not text",
            found=spell(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping",
            allowed="text",
            hint="write the keys out, or give each value an alias" if merge else "put it in quotes",
        )
        return None

    def _read_scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        if node.tag == _STR:
            return str(node.value)
        if node.tag == _NULL:
            return None
        try:
            return _number(node.tag, node.value)
        except ValueError:
            self._document.unread.append(path)
            self._document.add(
                _mark(node), path, "a number that cannot be used", found=spell(node.value), allowed="a finite number"
            )
            return None

    def _stop(self, mark: tuple[int, int], path: Path, *, recursive: bool) -> None:
        if self._full:
            return
        self._full = True
        self._document.unread.append(())
        what = "an alias stands inside its own anchor" if recursive else "the definition is too large"
        found = "an endless value" if recursive else f"more than {MAX_VALUES:,} values or {MAX_DEPTH} levels, aliases followed"
        self._document.add(mark, path[:3], what, found=found, allowed=f"at most {MAX_VALUES:,} values and {MAX_DEPTH} levels")


def _number(tag: str, text: str) -> object:
    """Return the value of a boolean, whole or decimal number.

    Raises:
        ValueError: It is not finite, or too long to be a number.
    """
    if tag == _BOOL:
        return text.lower() == "true"
    if len(text) > MAX_DIGITS:
        raise ValueError(text)
    if tag == _INT:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    value = float(text)  # refuses .inf and .nan by itself
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _mark(node: yaml.Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)
