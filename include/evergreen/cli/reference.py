"""`evergreen reference`: the pages under docs/reference, written from the code that they describe."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen import errors
from evergreen.cli.console import standard_output
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

PAGES = Path("docs/reference")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Work on Evergreen itself")(reference)


def reference() -> None:
    """Write the pages under docs/reference and the editors' schema anew, from the code they describe."""
    changed = write_reference()
    for path in changed:
        standard_output().print(f"written: {path}", markup=False)
    if not changed:
        standard_output().print("every page is current")


def reference_pages() -> dict[str, str]:
    """Return the text of every generated page by file name."""
    from evergreen.definitions.reference import definition_reference

    return {"definition.md": definition_reference(), "settings.md": settings_reference(), "errors.md": errors_reference()}


def write_reference(root: Path | None = None) -> list[Path]:
    """Write the pages and the editors' schema into a checkout, by default this one; return those that changed."""
    from evergreen.definitions.schema import SCHEMA_FILE, write_schema
    from evergreen.settings import PROJECT_ROOT

    root = root or PROJECT_ROOT
    folder = root / PAGES
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in reference_pages().items():
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            changed.append(page)
    schema = root / "include" / "models" / SCHEMA_FILE
    return [*changed, *([schema] if write_schema(schema) else [])]


def settings_reference() -> str:
    """Return the page of every environment variable."""
    from evergreen.definitions.reference import flat
    from evergreen.definitions.shape import field_words
    from evergreen.definitions.words import shown
    from evergreen.settings import PROJECT_ROOT, Settings

    rows = []
    for name, field in Settings.model_fields.items():
        default = shown(field.default).replace(str(PROJECT_ROOT), "<project>")
        rows.append(f"| `EVERGREEN_{name.upper()}` | {field_words(field)} | {default} | {flat(field.description)} |")
    return "\n".join([SETTINGS_INTRODUCTION, "| variable | takes | default | meaning |", "|---|---|---|---|", *rows, ""])


def errors_reference() -> str:
    """Return the page of every error."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("::")[2].partition("\nAn error")[0]
    rows = [
        f"| `{kind.__name__}` | {_first_line(kind)} | {kind.http_status} | {'yes' if kind.retryable else 'no'} |"
        for kind in _tree(EvergreenError)
    ]
    head = "| error | when | HTTP status | tried again |"
    return "\n".join([ERRORS_INTRODUCTION, "```text", inspect.cleandoc(tree), "```", "", head, "|---|---|---|---|", *rows, ""])


def _tree(kind: type[EvergreenError]) -> Iterator[type[EvergreenError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child)


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


SETTINGS_INTRODUCTION = """\
# Settings

Where things are, from the environment. With nothing set, everything lives in `.evergreen/` beside the project. A URI is a
local path or `s3://bucket/prefix`; credentials of S3 come from where AWS's tools look for them, never from here. Inside
Airflow the same addresses may come from connections.

This page is written by `evergreen reference` from `include/evergreen/settings.py`.
"""

ERRORS_INTRODUCTION = """\
# Errors

Every error raised on purpose says four things: what went wrong, what was found, what is allowed and what to do next. One
that is *tried again* is retried by Airflow; the others need a person, and fail at once.

This page is written by `evergreen reference` from `include/evergreen/errors.py`.
"""
