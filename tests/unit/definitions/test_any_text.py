"""Whatever stands in model.yaml, loading it ends in a definition or in told mistakes, never in a surprise."""

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.definitions import load_definition
from evergreen.definitions.positions import read_document
from evergreen.errors import DefinitionError

WORDS = st.sampled_from(
    ["orders", "returns", "order_id", "x", "", "0d", "-1d", "yes", "{day}", "2026-01-01", "Expect", "[key]", "é"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.sampled_from(["table", "key", "files", "by"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _paths(value, here=()):
    if here:
        yield here
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(inner, (*here, key))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_value_never_surprises(folder, data):
    path = folder / "model.yaml"
    original = folder.parent / "original.yaml"
    if not original.exists():
        original.write_bytes(path.read_bytes())
    values = copy.deepcopy(read_document("original", original.read_bytes()).values)
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(_paths(values))
        if not paths:
            break
        chosen = data.draw(st.sampled_from(paths))
        inner = values
        for part in chosen[:-1]:
            inner = inner[part]
        inner[chosen[-1]] = data.draw(VALUES)
    path.write_text(json.dumps(values), encoding="utf-8")
    _load(folder)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"%@#? \n\t0.~é\0\ufeff"), max_size=40))
def test_any_text_never_surprises(folder, text):
    (folder / "model.yaml").write_text(text, encoding="utf-8")
    _load(folder)


def _load(folder):
    problems = ()
    try:
        load_definition(folder)
    except DefinitionError as error:
        problems = error.problems or (None,)
    assert None not in problems, "an error without a problem"
    assert all(problem.what and problem.found and problem.allowed and len(str(problem)) < 2000 for problem in problems)
