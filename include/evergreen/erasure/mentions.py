"""Files without rows that mention a value all the same: pages, results, evidence, bundles. Searched for as text."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.files import join_uri
from evergreen.tables.erased import NOTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.files import Files
    from evergreen.settings import Settings

SHORTEST = 5
"""Characters. Shorter values are in every file by chance, and are not searched for."""
MOST_BYTES = 64 * 2**20
"""Larger files are models or plots, not text."""
_TEXT = (".json", ".html", ".md", ".txt", ".csv", ".svg", ".jsonl", ".yaml", ".py")


@dataclass(frozen=True)
class Mentions:
    """Files that mention all of the values together."""

    made_again: tuple[str, ...] = ()
    """Pages, and results of stages, which are drawn or computed again when they are asked for."""
    staying: tuple[str, ...] = ()
    """Evidence and bundles, which decisions rest on."""


def find_mentions(model: str, settings: Settings, texts: Sequence[str], files: Files) -> Mentions:
    """Search what is kept of a model besides rows for the values that are long enough not to be there by chance."""
    patterns = [_pattern(text) for text in texts if len(text) >= SHORTEST]
    if not patterns:
        return Mentions()
    made_again = [join_uri(settings.reports_uri, model), join_uri(settings.results_uri, model)]
    made_again.append(join_uri(settings.tables_uri, model, "_landing"))
    staying = [join_uri(settings.artifacts_uri, model), join_uri(settings.artifacts_uri, "mlflow")]
    return Mentions(_mentioning(made_again, patterns, files), _mentioning(staying, patterns, files))


def _mentioning(folders: Sequence[str], patterns: Sequence[re.Pattern[bytes]], files: Files) -> tuple[str, ...]:
    found = []
    for folder in folders:
        for info in files.list(folder):
            if not info.uri.endswith(_TEXT) or info.size_bytes > MOST_BYTES or f"/{NOTES}/" in info.uri:
                continue
            try:
                data = files.read_bytes(info.uri)
            except FileNotFoundError:
                continue
            if all(pattern.search(data) for pattern in patterns):
                found.append(info.uri)
    return tuple(found)


def _pattern(text: str) -> re.Pattern[bytes]:
    """Return a pattern for a value by itself, as text, in JSON or in a page."""
    spelled = {text, html.escape(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    choices = b"|".join(re.escape(each.encode("utf-8", "surrogatepass")) for each in sorted(spelled))
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + choices + rb")(?![0-9A-Za-z])")
