"""The tree in the docstring of errors.py is the tree of the classes."""

import re

from evergreen import errors
from evergreen.errors import EvergreenError


def test_every_error_is_drawn_under_its_parent():
    assert _drawn() == _defined(), "draw every error in the docstring of errors.py, under its parent"


def test_every_error_is_defined_in_one_module():
    outside = [kind.__qualname__ for kind in _subclasses(EvergreenError) if kind.__module__ != errors.__name__]
    assert not outside, f"define these in evergreen/errors.py, beside the tree: {outside}"


def test_an_error_is_also_what_a_caller_expects():
    also = dict(re.findall(r"(\w+Error) .*\(also (\w+)\)", errors.__doc__))
    assert also, "the docstring names no builtin parents"
    for name, builtin in also.items():
        assert builtin in {base.__name__ for base in getattr(errors, name).__mro__}, f"{name} is drawn as a {builtin}"


def _drawn():
    """Return child → parent, from the drawing."""
    parents, above = {}, {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ([│├└─ ]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            above[depth] = match[2]
            parents[match[2]] = above.get(depth - 1)
    return parents


def _defined():
    tree = {"EvergreenError": None}
    tree.update(
        {
            kind.__name__: kind.__bases__[0].__name__
            for kind in _subclasses(EvergreenError)
            if kind.__module__ == errors.__name__
        }
    )
    return tree


def _subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)
