"""Whether code asks for anything besides its arguments: the time, chance or the environment."""

from __future__ import annotations

import ast

_ASKS = frozenset(
    {
        *("now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "fromtimestamp"),
        *("random", "randint", "default_rng", "uuid1", "uuid4", "urandom", "environ", "getenv", "open", "urlopen", "input"),
    }
)


def depends_on_more(source: str) -> bool:
    """Whether the text of a features.py names the clock, chance or the environment; rather too often than once too rarely."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and (node.attr in _ASKS or _is_time(node)):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {*_ASKS, "time"}:
            return True
        if isinstance(node, ast.ImportFrom) and any(name.name in _ASKS for name in node.names):
            return True
    return False


def _is_time(node: ast.Attribute) -> bool:
    return node.attr == "time" and isinstance(node.value, ast.Name) and node.value.id == "time"
