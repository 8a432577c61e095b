import shutil

import pytest

from forgotten_world import a_world
from unit.stages.landing_case import definition


@pytest.fixture(scope="session")
def untouched(tmp_path_factory):
    """A model that keeps a person's rows wherever rows are kept. Not to be changed by a test."""
    home = tmp_path_factory.mktemp("untouched") / "home"
    made = a_world(str(home), definition(), home)
    made.fill()
    return made


@pytest.fixture
def world(untouched):
    """The same, at the same place, to be changed."""
    saved = f"{untouched.root}-saved"
    shutil.copytree(untouched.root, saved)
    yield untouched
    untouched.hash_key = type(untouched).hash_key
    shutil.rmtree(untouched.root)
    shutil.move(saved, untouched.root)
