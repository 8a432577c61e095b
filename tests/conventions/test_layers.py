"""The layers point one way, as pyproject.toml says."""

import subprocess
import sys


def test_import_contracts_hold(root):
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())",
        "--no-cache",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"a layer reaches where it must not:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
    assert "3 kept, 0 broken" in done.stdout, done.stdout[-500:]
