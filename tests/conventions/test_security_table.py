"""The security table names tests that are there."""

import re


def test_every_test_that_the_table_names_exists(root):
    table = (root / "docs" / "concepts" / "security.md").read_text(encoding="utf-8").partition("## The table")[2]
    rows = [line.split("|")[3] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20, f"only {len(rows)} threats found"
    sources = {path: path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py")}
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named or row.strip() == "the same", f"no test in {row!r}"
        for name in named:
            if name.endswith(".py"):
                assert any(path.as_posix().endswith(f"/{name}") for path in sources), f"there is no {name}"
            elif name.endswith("/"):
                assert (root / "tests" / name).is_dir(), f"there is no tests/{name}"
            else:
                assert any(f"def {name}(" in text for text in sources.values()), f"there is no test {name}"
