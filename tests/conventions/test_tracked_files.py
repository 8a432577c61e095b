"""Nothing of one machine or one network is committed: no registry host, no absolute path, no lock that holds either."""

import re
from pathlib import Path

import pytest

REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs"
    r"|--(index|extra-index)-url|--find-links"
    r"|https?://[^\s\"')]*(/simple\b|artifactory|nexus)"
)
OPTION, FOLDER = "index-url", "simple"
"""What an address of a registry is known by; put together below, so that none stands in this file."""
LOCKS = {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}
BINARY = {".parquet", ".png", ".jpg", ".ico", ".woff2", ".gif", ".onnx", ".ubj"}


def test_no_registry_host(root, tracked_files):
    found = _lines_with(root, tracked_files, REGISTRY.search)
    assert not found, f"take the registry's address out: {found}"


def test_no_path_of_this_machine(root, tracked_files):
    places = {str(root), *([str(Path.home())] if len(Path.home().parts) > 2 else [])}
    found = _lines_with(root, tracked_files, lambda line: any(place in line for place in places))
    assert not found, f"take the absolute path out: {found}"


def test_no_lock_that_names_hosts(root, tracked_files):
    locks = [str(path.relative_to(root)) for path in tracked_files if path.name in LOCKS]
    assert not locks, f"the lock is requirements.lock, with versions and hashes; remove {locks}"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"--{OPTION} https://mirror.example/x", True),
        ("see https://docs.example/pypi", False),
        (f"https://a.example/{FOLDER}/", True),
    ],
)
def test_the_rule_itself(line, found):
    assert bool(REGISTRY.search(line)) is found


def _lines_with(root, files, test):
    found = []
    for path in files:
        if path.suffix in BINARY or path == Path(__file__):
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{path.relative_to(root)}:{number}" for number, line in enumerate(lines, 1) if test(line)]
    return found[:20]
