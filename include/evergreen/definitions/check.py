"""What can be said about definitions before any data is there: mistakes, and doubts that need a person's eye."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.definitions.loader import FILE, read_definitions
from evergreen.definitions.positions import read_document
from evergreen.definitions.problems import Mistake, nearest, one_of, path_text, spell
from evergreen.definitions.words import format_duration
from evergreen.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from evergreen.definitions.model import ModelDefinition
    from evergreen.definitions.problems import Path

MAX_NAMES = 12
"""Names listed in a doubt about an unknown name."""


@dataclass(frozen=True)
class CheckReport:
    """What `evergreen check` has to say."""

    sound: dict[str, ModelDefinition]
    """Definitions without a mistake, by name."""
    problems: tuple[Problem, ...]
    """Mistakes: these definitions do not load."""
    doubts: tuple[Problem, ...]
    """What loads and is probably not meant."""


def check_definitions(definitions_dir: FilePath, names: tuple[str, ...] = ()) -> CheckReport:
    """Check every definition of a folder, or those that are named; a name without a definition is a problem."""
    found = read_definitions(definitions_dir, names)
    doubts = [doubt for definition in found.sound.values() for doubt in definition_doubts(definition)]
    return CheckReport(found.sound, found.problems, tuple(doubts))


def definition_doubts(definition: ModelDefinition) -> Iterator[Problem]:
    """Yield what a sound definition probably does not mean."""
    path = definition.folder / FILE
    document = read_document(str(path), path.read_bytes())
    doubts = [*_unknown_features(definition), *_unread_tables(definition), *_unlabelled_holdout(definition)]
    for doubt in doubts:
        line, column = document.value_at(doubt.at)
        yield Problem(str(path), line, column, path_text(doubt.at), doubt.what, doubt.found, doubt.allowed, doubt.hint)
    if not (definition.folder / "README.md").is_file():
        allowed = "a README.md that says objective, KPI, budget and owner; it is shown with the DAGs"
        yield Problem(str(definition.folder / "README.md"), 0, 0, "", "nobody says what the model is for", "no file", allowed)


def _unknown_features(definition: ModelDefinition) -> Iterator[Mistake]:
    """Yield names of features that neither the tables declare nor the feature code mentions."""
    known = _known_names(definition)
    if not known:
        return
    named: list[tuple[Path, str]] = [(("gate", "slices", i, "by"), part.by) for i, part in enumerate(definition.gate.slices)]
    named += [(("training", "baseline_by", i), name) for i, name in enumerate(definition.training.baseline_by)]
    named += [(("features", "categorical", i), name) for i, name in enumerate(definition.features.categorical)]
    for at, name in named:
        if name not in known:
            close = nearest(name, known)
            allowed = one_of(sorted(known)) if len(known) <= MAX_NAMES else "a column of the rows, a joined one or a feature"
            yield Mistake(at, "a name that neither tables nor feature code mention", spell(name), allowed, close)


def _known_names(definition: ModelDefinition) -> set[str]:
    """Return the columns a row can have and every word of the feature code; empty when columns are not declared."""
    tables = definition.data.tables
    rows = tables[definition.data.rows]
    joined = [table for table in tables.values() if table.join is not None]
    if not rows.columns or any(not table.columns for table in joined):
        return set()
    known = set(rows.columns)
    for table in joined:
        prefix = table.join.prefix if table.join else ""
        known |= {f"{prefix}{column}" for column in table.columns}
    for node in ast.walk(ast.parse(definition.features_path.read_bytes())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            known.add(node.value)
        elif isinstance(node, ast.keyword) and node.arg:
            known.add(node.arg)
        elif isinstance(node, ast.JoinedStr):
            return set()  # names made at run time: anything may be one
    return known


def _unread_tables(definition: ModelDefinition) -> Iterator[Mistake]:
    """Yield tables that are taken in every night and reach nothing."""
    tree = ast.parse(definition.features_path.read_bytes())
    if any(getattr(node, "name", "") == "entity_features" for node in tree.body):
        return
    for name, table in definition.data.tables.items():
        if name not in (definition.data.rows, definition.data.label.table) and table.join is None:
            found = "no `join`, and no `entity_features` in the feature code"
            yield Mistake(
                ("data", "tables", name), "a table that nothing reads", found, "one of the two", "leave the table out"
            )


def _unlabelled_holdout(definition: ModelDefinition) -> Iterator[Mistake]:
    """Yield a holdout of which too few days can have their labels: every verdict would be inconclusive."""
    gate, label = definition.gate, definition.data.tables[definition.data.label.table]
    least = label.available_after + timedelta(days=gate.min_days)
    if label.available_at is None and gate.holdout < least:
        delay = format_duration(label.available_after)
        yield Mistake(
            ("gate", "holdout"),
            f"a holdout of which fewer than {gate.min_days} days (`min_days`) can have their labels",
            f"{format_duration(gate.holdout)}, and labels that come {delay} after the row",
            f"at least {format_duration(least)}",
        )
