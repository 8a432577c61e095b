"""Links in the docs reach a file and a heading, and commands in them exist."""

import re
import subprocess
from pathlib import Path

import pytest

from evergreen.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*evergreen ([a-z-]+)(?: (training|scoring)\b)?", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
    return sorted(ROOT / name for name in listed.stdout.split() if (ROOT / name).is_file())


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_links(page):
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            yield target


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_reach_something(page):
    assert list(dead_links(page)) == []


def known_commands():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    return names | {group.name for group in app.registered_groups}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page):
    blocks = "\n".join(FENCE.findall(page.read_text(encoding="utf-8")))
    assert {name for name, _ in COMMAND.findall(blocks)} <= known_commands()


def test_the_checks_can_fail(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[dead](none.md) [alive](page.md#a-heading) [lost](#no-heading)\n")
    assert list(dead_links(page)) == ["none.md", "#no-heading"]
    assert COMMAND.findall("$ EVERGREEN_HOME=/tmp evergreen fly away") == [("fly", "")]
