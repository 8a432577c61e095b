"""The smallest complete definition, and what becomes of it when its text is changed."""

import shutil
from pathlib import Path

import pytest

from evergreen.definitions import load_definition
from evergreen.errors import DefinitionError

MINIMAL = Path(__file__).parents[3] / "docs" / "guides" / "minimal"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MINIMAL, tmp_path / "minimal")


@pytest.fixture
def problems_after(folder):
    """Replace one piece of model.yaml's text and return the problems that are told."""

    def change(old, new):
        path = folder / "model.yaml"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(DefinitionError) as caught:
            load_definition(folder)
        return caught.value.problems

    return change
