"""The reference page of model.yaml, written from the classes that read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from evergreen.definitions.model import ModelDefinition
from evergreen.definitions.shape import field_words, section_in
from evergreen.definitions.words import Section, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

INTRODUCTION = """\
# model.yaml

Every key of a model definition, `include/models/<name>/model.yaml`. This page is written by `evergreen reference` from the
classes that read the file; the same words stand in its error messages and in the JSON schema for editors
(`include/models/model.schema.json`).

- Keys without a default are required. An unknown key is a mistake, and so is a key given twice.
- Words are those of YAML 1.2: `true` and `false` are booleans; `yes`, `no`, `on` and `off` are text.
- A duration is a whole number and a unit: `s`, `m`, `h`, `d` or `w`.
- Rates and limits called *share* lie between 0 and 1; the other units stand in the names.
- `evergreen check` tells every mistake at once, with its line.
"""


def definition_reference() -> str:
    """Return the page as Markdown."""
    return "\n".join([INTRODUCTION, *_sections(ModelDefinition, "")])


def _sections(section: type[Section], path: str) -> Iterator[str]:
    yield f"## {f'`{path}`' if path else 'At the top'}\n"
    yield f"{flat(section.__doc__)}\n"
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in section.model_fields.items():
        yield f"| `{name}` | {_takes(field)} | {_default(field)} | {flat(field.description)} |"
    yield ""
    for name, field in section.model_fields.items():
        inner, suffix = _section_of(field)
        if inner is not None:
            yield from _sections(inner, f"{path}.{name}{suffix}".removeprefix("."))


def _section_of(field: FieldInfo) -> tuple[type[Section] | None, str]:
    """Return the section a field holds, and how its path goes on: by name, by position or not at all."""
    inner = section_in(field.annotation)
    if inner is not None:
        return inner, ""
    for argument in get_args(field.annotation):
        inner = section_in(argument)
        if inner is not None:
            return inner, ".<name>" if str(field.annotation).startswith("dict") else "[]"
    return None, ""


def _takes(field: FieldInfo) -> str:
    inner, suffix = _section_of(field)
    if inner is None:
        return field_words(field)
    return {"": "a section, below", "[]": "a list of sections, below", ".<name>": "sections by name, below"}[suffix]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "its own defaults" if isinstance(value, Section) else shown(value)


def flat(text: str | None) -> str:
    """Return a text as one line that a cell of a Markdown table may hold."""
    return " ".join((text or "").split()).replace("|", "\\|")
