"""Check a definition's validation section against Great Expectations itself, before any data is read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from evergreen.stages.validate.expectations import expectation_class, points_at_rows
from evergreen.stages.validate.wording import bounded, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.validation import Expectation, TableValidation


def check_expectations(definition: ModelDefinition) -> list[str]:
    """Return what is wrong with the expectations, column names included; empty when nothing is.

    Importing Great Expectations takes seconds, so that a definition without any expectation is checked without it.
    """
    problems: list[str] = []
    for name, rules in definition.validation.tables.items():
        columns = tuple(definition.data.tables[name].columns)
        place = f"validation.tables.{name}"
        problems += _unknown_columns(f"{place}.max_null_share", rules.max_null_share, columns)
        problems += _unknown_columns(f"{place}.novelty.ignore", rules.novelty.ignore, columns)
        problems += _check_table(place, rules, columns)
    return problems


def _check_table(place: str, rules: TableValidation, columns: tuple[str, ...]) -> list[str]:
    problems = []
    for number, expectation in enumerate(rules.expectations):
        at = f"{place}.expectations[{number}]"
        problems += [f"{at}: {problem}" for problem in _check_one(expectation)]
        named = [column for column in target_of(expectation).split(", ") if column]
        if expectation.expect not in _MAY_NAME_ANY:
            problems += _unknown_columns(at, named, columns)
    return problems


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


def _unknown_columns(place: str, named: Iterable[str], columns: tuple[str, ...]) -> list[str]:
    """A table without a contract may hold any column: only a run can tell."""
    if not columns:
        return []
    return [
        f"{place}: no column `{column}`{_nearest(column, columns)}; columns: {bounded(list(columns))}"
        for column in named
        if column not in columns
    ]


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean `{close[0]}`?" if close else ""


_MAY_NAME_ANY = {"ExpectColumnToExist", "ExpectTableColumnsToMatchSet", "ExpectTableColumnsToMatchOrderedList"}
_NEEDS_A_DATABASE = {"ExpectQueryResultsToMatchComparison", "ExpectTableRowCountToEqualOtherTable"}
