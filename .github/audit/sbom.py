"""Write one CycloneDX document per lock, and hold each against its lock: .venv/tools/bin/python .github/audit/sbom.py FOLDER.

Nothing is asked of any network. A document names the Python packages of a lock; what the base of an image brings is not in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from locks import LOCKS, Package, normal, read_lock


def write(lock: Path, document: Path, *, validate: bool = True) -> None:
    """Write the document of one lock, the same bytes every time; validation takes most of the time."""
    document.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(lock)]
    options = ["--output-reproducible", "--spec-version", "1.6", "--validate" if validate else "--no-validate"]
    project = ["--pyproject", "pyproject.toml"] if Path("pyproject.toml").is_file() else []
    subprocess.run([*command, *options, *project, "--of", "JSON", "--output-file", str(document)], check=True)


def named(document: dict[str, Any]) -> set[Package]:
    """Return the packages that a document names."""
    found = set()
    for component in document.get("components", []):
        references = component.get("externalReferences", [])
        hashes = frozenset(
            each["content"] for reference in references for each in reference.get("hashes", []) if each["alg"] == "SHA-256"
        )
        found.add(Package(normal(component["name"]), component.get("version", ""), hashes))
    return found


def missing(packages: tuple[Package, ...], document: dict[str, Any]) -> list[Package]:
    """Return the packages of a lock that a document does not name with version and every hash."""
    return sorted(set(packages) - named(document), key=lambda package: package.name)


def main(folder: Path) -> None:
    """Write and check all of them."""
    for name, path in LOCKS.items():
        document = folder / f"{name}.cdx.json"
        write(Path(path), document)
        packages = read_lock(Path(path))
        lacking = missing(packages, json.loads(document.read_text(encoding="utf-8")))
        if lacking:
            names = ", ".join(f"{package.name}=={package.version}" for package in lacking[:10])
            raise SystemExit(f"error: {document} lacks {len(lacking)} packages of {path}, or their version or hashes: {names}")
        sys.stdout.write(f"{document}: all {len(packages)} packages of {path}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
