import pytest

from evergreen.definitions.positions import MAX_BYTES, MAX_VALUES, read_document


def read(text):
    return read_document("model.yaml", text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'null'", "null"),
        ("12", 12),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2013-01-31", "2013-01-31"),
        ("1.5", 1.5),
        ("-1e3", -1000.0),
        (".5", 0.5),
        ("1e-5", 1e-5),
        ("=", "="),
        ('"12"', "12"),
    ],
)
def test_words_of_yaml_1_2(text, value):
    assert read(f"key: {text}").values == {"key": value}
    assert read(f"key: {text}").problems == []


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".nan", "1e999", "9" * 50])
def test_a_number_must_be_finite(text):
    document = read(f"a: 1\nkey: {text}")
    assert [(problem.line, problem.what) for problem in document.problems] == [(2, "a number that cannot be used")]


def test_every_value_has_its_place():
    document = read("a:\n  b: [1, {c: 2}]\n")
    assert document.value_at(("a", "b", 1, "c")) == (2, 14)
    assert document.key_at(("a", "b", 1, "c")) == (2, 11)
    assert document.value_at(("a", "missing")) == (1, 1)


def test_aliases_are_followed():
    assert read("a: &x {b: 1}\nc: *x\n").values == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_billion_laughs_are_cut_short():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (problem,) = read("\n".join(lines)).problems
    assert problem.what == "the definition is too large"
    assert f"{MAX_VALUES:,}" in problem.allowed


def test_an_alias_inside_its_own_anchor_ends():
    (problem,) = read("a: &x [1, *x]").problems
    assert problem.what == "an alias stands inside its own anchor"


@pytest.mark.parametrize("text", ["[" * 3000, "a: " + "[" * 60 + "]" * 60])
def test_depth_is_bounded(text):
    assert len(read(text).problems) == 1


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        (b"a: 1\nb: \xff\n", 2, "the file is not UTF-8"),
        (b"a: 1\nb: \x07\n", 2, "a character that YAML forbids"),
        (b"#" * (MAX_BYTES + 1), 1, "the file is too large"),
    ],
)
def test_bytes_that_are_no_text(data, line, what):
    document = read(data)
    assert [(problem.line, problem.what) for problem in document.problems] == [(line, what)]
    assert document.values is None
