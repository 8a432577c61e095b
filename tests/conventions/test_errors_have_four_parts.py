"""An error says what went wrong, what was found, what is allowed and what to do next: nobody may leave a part out."""

import ast

import pytest

from evergreen import errors
from evergreen.errors import EvergreenError

NAMES = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, EvergreenError)}
PARTS = {"found", "allowed", "remedy"}


def test_every_error_is_made_with_its_four_parts(trees):
    wrong = [f"{path}:{line}" for path, tree in trees.items() for line in _incomplete(tree)]
    assert not wrong, f"give these errors `what`, found=, allowed= and remedy=: {wrong}"


def test_no_error_has_an_empty_part(trees):
    empty = [
        f"{path}:{call.lineno}"
        for path, tree in trees.items()
        for call in _calls(tree)
        for part in _parts(call)
        if _is_empty(part)
    ]
    assert not empty, f"say something in every part of these errors: {empty}"


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("raise DataError('what', found='f', allowed='a', remedy='r')", False),
        ("raise DataError('what', found='f', allowed='a')", True),
        ("raise errors.DataError('what')", True),
        ("raise DataError", True),
        ("raise ValueError('what')", False),
    ],
)
def test_the_rule_itself(code, wrong):
    assert bool(list(_incomplete(ast.parse(code)))) is wrong


def _incomplete(tree):
    for call in _calls(tree):
        if len(call.args) != 1 or {keyword.arg for keyword in call.keywords} != PARTS:
            yield call.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and _name(node.exc) in NAMES:
            yield node.lineno


def _calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) in NAMES]


def _parts(call):
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _is_empty(node):
    return isinstance(node, ast.Constant) and not str(node.value).strip()


def _name(node):
    return getattr(node, "attr", None) or getattr(node, "id", None)
