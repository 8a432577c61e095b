"""Nine functions of ten fit on a screen: at most 35 lines, docstring included."""

import ast
import math

LINES = 35
SHARE = 0.9


def test_nine_of_ten_functions_are_short(trees, record_property):
    sizes = sorted(
        ((node.end_lineno - node.lineno + 1, f"{path}:{node.lineno} {node.name}") for path, node in _functions(trees)),
        reverse=True,
    )
    long = [f"{name} ({lines} lines)" for lines, name in sizes if lines > LINES]
    ninth_of_ten = sizes[math.floor(len(sizes) * (1 - SHARE))][0]
    record_property("function_lines_p90", ninth_of_ten)
    print(f"{len(sizes)} functions, nine of ten have at most {ninth_of_ten} lines; longer than {LINES}: {len(long)}")
    assert len(long) <= (1 - SHARE) * len(sizes), f"more than one function in ten has over {LINES} lines; longest: {long[:20]}"


def _functions(trees):
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node
