"""The settings that a guide prints, as a reader would copy them."""

from __future__ import annotations

import re
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def settings_in(guide: str, section: str, **replaced: str) -> dict[str, str]:
    """Return the variables of a section's shell blocks, without comments.

    Args:
        guide: File below `docs/guides`.
        section: Heading of level two.
        replaced: What stands for an address of the reader's own.
    """
    text = (GUIDES / guide).read_text(encoding="utf-8")
    [body] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    for old, new in replaced.items():
        assert old in body, f"{guide} does not say {old}"
        body = body.replace(old, new)
    lines = [line for block in re.findall(r"```bash\n(.*?)```", body, flags=re.DOTALL) for line in block.splitlines()]
    found = [re.match(r"(?:export )?([A-Z][A-Z0-9_]+)=(.*?)(?:\s+#.*)?$", line) for line in lines]
    return {match[1]: match[2].strip().strip("'") for match in found if match}
