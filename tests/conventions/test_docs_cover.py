"""The reference pages say what the code says, about every field, setting and error."""

import pytest

from evergreen import errors
from evergreen.cli.reference import reference_pages
from evergreen.definitions.model import ModelDefinition
from evergreen.definitions.schema import SCHEMA_FILE, schema_text
from evergreen.definitions.shape import section_in
from evergreen.errors import EvergreenError
from evergreen.settings import Settings

AGAIN = "run `evergreen reference` and commit what it wrote"


@pytest.mark.parametrize("name", ["definition.md", "settings.md", "errors.md"])
def test_the_committed_page_is_current(root, name):
    page = root / "docs" / "reference" / name
    assert page.read_text(encoding="utf-8") == reference_pages()[name], f"docs/reference/{name} is out of date: {AGAIN}"


def test_the_committed_schema_is_current(root):
    committed = (root / "include" / "models" / SCHEMA_FILE).read_text(encoding="utf-8")
    assert committed == schema_text(), f"include/models/{SCHEMA_FILE} is out of date: {AGAIN}"


def test_every_field_says_what_it_means_and_stands_in_the_page(root):
    page = (root / "docs" / "reference" / "definition.md").read_text(encoding="utf-8")
    sections = set(_sections(ModelDefinition))
    assert len(sections) > 15
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} needs a docstring below it"
            assert f"| `{name}` |" in page, f"{section.__name__}.{name} is not in docs/reference/definition.md: {AGAIN}"


def test_every_setting_says_what_it_means_and_stands_in_the_page(root):
    page = (root / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, f"Settings.{name} needs a docstring below it"
        assert f"| `EVERGREEN_{name.upper()}` |" in page, (
            f"EVERGREEN_{name.upper()} is not in docs/reference/settings.md: {AGAIN}"
        )


def test_a_row_of_a_table_is_one_line(root):
    for name, text in reference_pages().items():
        lines = text.splitlines()
        broken = [line for line in lines if line.startswith("| ") and not line.endswith(" |")]
        assert not broken, f"docs/reference/{name}: a description breaks its row: {broken}"


def test_every_error_stands_in_the_page(root):
    page = (root / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, EvergreenError):
            assert value.__doc__, f"{name} needs a docstring"
            assert f"| `{name}` |" in page, f"{name} is not in docs/reference/errors.md: {AGAIN}"


def _sections(section):
    yield section
    for field in section.model_fields.values():
        for annotation in (field.annotation, *getattr(field.annotation, "__args__", ())):
            inner = section_in(annotation)
            if inner is not None:
                yield from _sections(inner)
