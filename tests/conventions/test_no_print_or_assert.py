"""The package logs and raises; it does not print, and `python -O` must not change what it checks."""

import ast


def test_no_print(trees):
    prints = [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint")
    ]
    assert not prints, f"log, or write through the console of the CLI: {prints}"


def test_no_assert(trees):
    asserts = [
        f"{path}:{node.lineno}" for path, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.Assert)
    ]
    assert not asserts, f"raise an error that says what to do: {asserts}"
