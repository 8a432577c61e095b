"""How an error reads on the command line."""

import pytest

from evergreen.cli.console import show_error
from evergreen.errors import DataError


@pytest.mark.parametrize("indent", ["", " " * 11], ids=["bare lines", "lines indented for str()"])
def test_lines_after_the_first_stand_below_it(capsys, indent):
    show_error(DataError("bad", found=f"first\n{indent}second", allowed=f"this\n{indent}that", remedy="mend it"))
    assert capsys.readouterr().err.splitlines() == [
        "error: bad",
        "  found:   first",
        "           second",
        "  allowed: this",
        "           that",
        "  do:      mend it",
    ]
