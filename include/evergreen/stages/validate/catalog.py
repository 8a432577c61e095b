"""Check a definition's validation section against Great Expectations itself, before any data is read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from evergreen.stages.validate.expectations import expectation_class, points_at_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.validation import Expectation


def check_expectations(definition: ModelDefinition) -> list[str]:
    """Return what is wrong with the expectations; empty when nothing is. Loading has checked the column names already.

    Importing Great Expectations takes seconds; a definition without any expectation is checked without it.
    """
    return [
        f"validation.tables.{name}.expectations[{number}]: {problem}"
        for name, rules in definition.validation.tables.items()
        for number, expectation in enumerate(rules.expectations)
        for problem in _check_one(expectation)
    ]


def _check_one(expectation: Expectation) -> list[str]:
    found = expectation_class(expectation.expect)
    if found is None:
        return [f"Great Expectations has no `{expectation.expect}`{_nearest(expectation.expect, _all_names())}"]
    if expectation.expect in _NEEDS_A_DATABASE:
        return [f"`{expectation.expect}` needs a database, and rows are judged in memory"]
    problems = _argument_problems(found, expectation)
    if expectation.severity == "quarantine" and not points_at_rows(expectation):
        problems.append(f"`{expectation.expect}` is not about single rows, so it cannot quarantine any: use `fail` or `warn`")
    return problems


def _argument_problems(found: type[Any], expectation: Expectation) -> list[str]:
    try:
        found(**expectation.arguments)
    except (ValueError, TypeError) as error:
        details = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
        return [_say(detail, found) for detail in _first_of_each(details)]
    return []


def _first_of_each(details: list[Any]) -> list[Any]:
    """Keep one problem per argument: for an argument of several types the library complains once per type."""
    seen: dict[tuple[Any, ...], Any] = {}
    for detail in details:
        seen.setdefault(tuple(detail["loc"][:1]), detail)
    return list(seen.values())


def _say(detail: Any, found: type[Any]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    if "extra" in str(detail.get("type", "")):
        return f"`{found.__name__}` has no argument `{name}`{_nearest(name, _argument_names(found))}"
    if str(detail.get("type", "")).endswith("missing"):
        return f"`{found.__name__}` needs the argument `{name}`"
    return f"`{found.__name__}`{f', argument `{name}`' if name not in {'', '__root__'} else ''}: {detail['msg']}"


def _argument_names(found: type[Any]) -> list[str]:
    unwanted = {"id", "meta", "notes", "severity", "rendered_content", "description", "windows", "batch_id", "result_format"}
    return sorted(set(found.__fields__) - unwanted)


def _all_names() -> list[str]:
    import great_expectations.expectations as known

    return [name for name in dir(known) if name.startswith("Expect") and name != "Expectation"]


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean `{close[0]}`?" if close else ""


_NEEDS_A_DATABASE = {
    "ExpectQueryResultsToMatchComparison",
    "ExpectTableRowCountToEqualOtherTable",
    "ExpectColumnValuesToMatchLikePattern",
    "ExpectColumnValuesToMatchLikePatternList",
    "ExpectColumnValuesToNotMatchLikePattern",
    "ExpectColumnValuesToNotMatchLikePatternList",
}
