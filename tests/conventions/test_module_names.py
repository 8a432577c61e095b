"""A module is named after what it holds; nothing is a drawer for odds and ends."""

import re
from pathlib import Path

import pytest

DRAWERS = re.compile(r"(^|_)(utils?|helpers?|common|misc|shared|stuff|lib|base)(_|$)")


def test_no_module_is_a_drawer(trees):
    drawers = [path for path in trees if any(DRAWERS.search(part) for part in Path(path).with_suffix("").parts)]
    assert not drawers, f"give these modules a noun that says what they hold, or put the code beside its one user: {drawers}"


@pytest.mark.parametrize(("name", "drawer"), [("date_utils", True), ("helpers", True), ("baseline", False), ("library", False)])
def test_the_rule_itself(name, drawer):
    assert bool(DRAWERS.search(name)) is drawer
