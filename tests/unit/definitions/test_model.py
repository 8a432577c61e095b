import pytest
from pydantic import ValidationError

from evergreen.definitions import load_definition
from evergreen.definitions.training import Costs, Training

SECTIONS = ("schedule", "data", "validation", "features", "training", "gate", "release")


@pytest.fixture
def changed(folder):
    def change(old, new):
        before = load_definition(folder)
        path = folder / "model.yaml"
        path.write_text(path.read_text().replace(old, new, 1))
        return before, load_definition(folder)

    return change


@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        ("Europe/Berlin", "Europe/Paris", "schedule"),
        ("2026-01-01", "2026-01-02", "data"),
        ("gate:", "training: {seed: 1}\ngate:", "training"),
        ("slices:", "min_rows: 10\n  slices:", "gate"),
        ("gate:", "release: {smoke_rows: 5}\ngate:", "release"),
    ],
)
def test_a_digest_sees_its_own_sections_only(changed, old, new, section):
    before, after = changed(old, new)
    assert before.digest() != after.digest()
    assert [name for name in SECTIONS if before.digest(name) != after.digest(name)] == [section]


def test_a_digest_does_not_see_how_it_is_written(changed):
    before, after = changed(
        "schedule:\n  timezone: Europe/Berlin\n", "# the clock\nschedule: {timezone: 'Europe/Berlin', at: 03:00}\n"
    )
    assert before.digest() == after.digest()


def test_a_digest_of_several_sections_does_not_depend_on_their_order(folder):
    definition = load_definition(folder)
    assert definition.digest("data", "gate") == definition.digest("gate", "data") != definition.digest("data")


def test_a_section_that_does_not_exist_has_no_digest(folder):
    with pytest.raises(KeyError, match="trainng"):
        load_definition(folder).digest("trainng")


def test_a_digest_of_this_very_definition_is_known(folder):
    """A change of this digest means that every stored result is done again: be sure that you want it."""
    definition = load_definition(folder)
    assert definition.digest("data") == "17cce256d83fc217e98a87ccb112cb0b"
    assert definition.digest("gate") == "290f80a0ade9e5a20a9e8d2ff8b25cd9"


def test_sections_made_in_code_refuse_mistakes_too():
    with pytest.raises(ValidationError, match="costs no more than `true_positive`"):
        Costs(false_negative=0)
    with pytest.raises(ValidationError, match="used up by the folds"):
        Training.model_validate({"window": "7d"})


def test_a_definition_is_frozen(folder):
    with pytest.raises(ValidationError, match="frozen"):
        load_definition(folder).owner = "somebody else"
