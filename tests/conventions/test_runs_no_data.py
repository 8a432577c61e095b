"""Nothing that was read is run: no pickles, no shell, and code from a file in one place, which checks whose it is."""

import ast

UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops"}
RUNS_TEXT = {"exec", "eval", "compile", "__import__"}
FEATURE_CODE = "include/evergreen/features/code.py"


def test_nothing_unpickles(trees):
    found = [f"{path}: {name}" for path, tree in trees.items() for name in _imported(tree) if name.split(".")[0] in UNPICKLERS]
    assert not found, f"keep plain data and read it by its schema: {found}"
    calls = [
        f"{path}:{call.lineno}"
        for path, call in _calls(trees)
        if any(word.arg == "allow_pickle" and not _is_false(word.value) for word in call.keywords)
    ]
    assert not calls, f"arrays without objects need no pickle: {calls}"


def test_text_is_run_as_code_in_one_place(trees):
    found = {path for path, call in _calls(trees) if isinstance(call.func, ast.Name) and call.func.id in RUNS_TEXT}
    assert found == {FEATURE_CODE}


def test_no_command_goes_through_a_shell(trees):
    found = [
        f"{path}:{call.lineno}"
        for path, call in _calls(trees)
        if any(word.arg == "shell" and not _is_false(word.value) for word in call.keywords)
        or (isinstance(call.func, ast.Attribute) and call.func.attr in {"system", "popen"})
    ]
    assert not found, f"give subprocess a list: {found}"


def _calls(trees):
    return [(path, node) for path, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _is_false(value):
    return isinstance(value, ast.Constant) and value.value is False
