"""From model.yaml to a frozen definition; every mistake of a file is told at once, with its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from evergreen.definitions.explain import Explainer
from evergreen.definitions.feature_code import feature_code_problems
from evergreen.definitions.model import ModelDefinition
from evergreen.definitions.positions import read_document
from evergreen.definitions.problems import definition_error, nearest, spell
from evergreen.definitions.words import SHAPE_ONLY
from evergreen.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evergreen.definitions.positions import Document

FILE = "model.yaml"
MAX_REPAIRS = 8
"""Rounds of looking past mistakes for more; a missing section may hold several missing ones."""


class Definitions(NamedTuple):
    """What a folder of definitions holds: the sound ones by name, and every mistake of the others."""

    sound: dict[str, ModelDefinition]
    problems: tuple[Problem, ...]


def load_definition(folder: Path) -> ModelDefinition:
    """Read `<folder>/model.yaml` and look at the feature code beside it.

    Raises:
        DefinitionError: With every mistake of both files in `problems`.
    """
    definition, problems = _read(folder)
    if definition is None or problems:
        raise definition_error(problems)
    return definition


def load_definitions(definitions_dir: Path) -> dict[str, ModelDefinition]:
    """Read every model.yaml one level below a folder, by name.

    Raises:
        DefinitionError: With every mistake of every file; `read_definitions` returns the sound ones instead.
    """
    found = read_definitions(definitions_dir)
    if found.problems:
        raise definition_error(found.problems)
    return found.sound


def read_definitions(definitions_dir: Path, names: Sequence[str] = ()) -> Definitions:
    """Read every model.yaml one level below a folder, or the named ones; a broken one does not hide the others."""
    sound: dict[str, ModelDefinition] = {}
    problems: list[Problem] = []
    all_folders = sorted(path.parent for path in definitions_dir.glob(f"*/{FILE}"))
    for folder in [definitions_dir / name for name in names] or all_folders:
        definition, mistakes = _read(folder)
        problems += mistakes
        if definition is not None and not mistakes:
            sound[folder.name] = definition
    return Definitions(sound, tuple(problems))


def _read(folder: Path) -> tuple[ModelDefinition | None, list[Problem]]:
    path = folder / FILE
    try:
        document = read_document(str(path), path.read_bytes())
    except OSError as error:
        return None, [_unreadable(folder, error)]
    if document.problems and document.values is None:
        return None, document.problems
    definition = _validate(document)
    if definition is not None and () not in document.unread:
        definition._folder = folder
        _check_name(document, definition, folder)
        if not any(problem.path == "features.code" for problem in document.problems):
            document.problems += feature_code_problems(definition.features_path)
    return definition, document.problems


def _validate(document: Document) -> ModelDefinition | None:
    """Return the definition, or what is left of it after every mistake in it has been told and replaced."""
    explainer = Explainer(ModelDefinition, document)
    values = document.values
    for _ in range(MAX_REPAIRS):
        try:
            # JSON, because pydantic is strict about words there ("yes" is no boolean) and still takes lists for tuples.
            definition = ModelDefinition.model_validate_json(json.dumps(values), strict=True, context=SHAPE_ONLY)
        except ValidationError as error:
            values = explainer.tell_shape(values, error.errors(include_url=False))
        else:
            explainer.tell_meaning(definition)
            return definition
    return None


def _check_name(document: Document, definition: ModelDefinition, folder: Path) -> None:
    name = document.values.get("name") if isinstance(document.values, dict) else None
    if isinstance(name, str) and name == definition.name != folder.name:
        at = document.value_at(("name",))
        document.add(at, ("name",), "the name is not that of its folder", found=spell(name), allowed=spell(folder.name))


def _unreadable(folder: Path, error: OSError) -> Problem:
    file = str(folder / FILE)
    if isinstance(error, FileNotFoundError):
        others = sorted(path.parent.name for path in folder.parent.glob(f"*/{FILE}"))
        what, found = "there is no such model definition", f"{spell(', '.join(others) or None)} in {folder.parent}"
        wrong_ending = nearest("model.yaml", [path.name for path in folder.glob("*.y*ml")])
        hint = (
            f"rename {folder / 'model.yml'}"
            if (folder / "model.yml").is_file()
            else nearest(folder.name, others) or wrong_ending
        )
        return Problem(file, 0, 0, "", what, found, "a folder with a model.yaml", hint)
    return Problem(file, 0, 0, "", "the file cannot be read", error.strerror or str(error), "a readable file")
