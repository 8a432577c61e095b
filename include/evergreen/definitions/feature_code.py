"""What can be said about features.py without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from evergreen.definitions.problems import nearest, spell
from evergreen.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARAMETERS = {"row_features": "(rows, entities)", "entity_features": "(history, as_of)"}


def feature_code_problems(path: Path) -> Iterator[Problem]:
    """Yield why a file cannot be feature code; it is parsed, never run."""
    file = str(path)
    try:
        tree = ast.parse(path.read_bytes(), filename=file)
    except OSError:
        others = sorted(other.name for other in path.parent.glob("*.py"))
        found = spell(", ".join(others) or None)
        remedy = "a file that defines `row_features(rows, entities)`"
        yield Problem(file, 0, 0, "", "the feature code is not there", found, remedy, nearest(path.name, others))
        return
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 0
        found = spell((getattr(error, "text", None) or "").strip() or None)
        yield Problem(file, line, column, "", f"not Python: {getattr(error, 'msg', error)}", found, "Python 3.11")
        return
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "row_features" not in functions and "row_features" not in _other_names(tree):
        found = f"`{', '.join(functions)}`" if functions else "no function"
        hint = nearest("row_features", [name for name in functions if name != "entity_features"])
        hint = hint.replace("did you mean", "rename", 1).rstrip("?") if hint else ""
        yield Problem(file, 1, 0, "", "`row_features` is not defined", found, "`def row_features(rows, entities):`", hint)
    for name, parameters in PARAMETERS.items():
        if name in functions and not _takes_two(functions[name].args):
            node = functions[name]
            found = f"`{name}({ast.unparse(node.args)})`"
            yield Problem(
                file, node.lineno, node.col_offset + 1, "", "a function of another shape", found, f"`{name}{parameters}`"
            )


def _other_names(tree: ast.Module) -> set[str]:
    """Return top-level names that are not functions: assigned, or imported."""
    names = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def _takes_two(arguments: ast.arguments) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    keyword_only = sum(default is None for default in arguments.kw_defaults)
    return required <= 2 and (positional >= 2 or arguments.vararg is not None) and keyword_only == 0
