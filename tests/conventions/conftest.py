"""What every house rule looks at: the sources, parsed once."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "evergreen"


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def trees():
    """Every module of the package and of what Airflow loads, by its path in the project."""
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py")]
    found = {str(path.relative_to(ROOT)): ast.parse(path.read_bytes()) for path in sorted(paths)}
    assert len(found) > 30, f"only {len(found)} modules found below {ROOT}"
    return found


@pytest.fixture(scope="session")
def line_counts():
    """Lines of every module of the package, without those that are empty or nearly so (at most 3 lines)."""
    counts = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    return {path: lines for path, lines in counts.items() if lines > 3}


@pytest.fixture(scope="session")
def tracked_files():
    """Files under version control that are still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
