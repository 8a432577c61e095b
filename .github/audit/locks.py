"""What the locks name: every environment and image, every package, version and hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = {
    "environment": "requirements.lock",
    "development": "requirements-dev.lock",
    "image-airflow": "docker/airflow.lock",
    "image-gateway": "docker/gateway.lock",
    "image-mlflow": "docker/mlflow.lock",
    "audit-tools": ".github/audit/tools.lock",
}
"""Where each is, from the project's root."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class Package:
    """One line of a lock; names are compared as package indexes do, so case and separators are alike."""

    name: str
    version: str
    sha256: frozenset[str]


def normal(name: str) -> str:
    """Return a package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> tuple[Package, ...]:
    """Return the packages of a lock, each with its hashes.

    Raises:
        SystemExit: A line pins no version or has no hash.
    """
    lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    packages = []
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin, hashes = _PIN.match(line), frozenset(_HASH.findall(line))
        if pin is None or not hashes:
            raise SystemExit(f"error: {path} has a line that pins no version by hash: {line[:80]!r}; run `make lock`")
        packages.append(Package(normal(pin[1]), pin[2], hashes))
    return tuple(packages)
