from typing import Any

import pytest

from evergreen.stages.validate.catalog import check_expectations
from unit.stages.validate.small_shop import make_definition


def problems(name: str, severity: str = "fail", **arguments: Any) -> list[str]:
    definition = make_definition({"expectations": [{"expect": name, "arguments": arguments, "severity": severity}]})
    return check_expectations(definition)


def test_a_right_definition_has_no_problem() -> None:
    assert problems("ExpectColumnValuesToBeBetween", "quarantine", column="price", min_value=0) == []
    assert problems("ExpectColumnMeanToBeBetween", "warn", column="price", min_value=0, max_value=1) == []


def test_an_unknown_expectation_names_the_nearest_and_its_place() -> None:
    [problem] = problems("ExpectColumnValuesToBeBetwen", column="price")
    assert problem.startswith("validation.tables.orders.expectations[0]: ")
    assert "did you mean `ExpectColumnValuesToBeBetween`?" in problem


def test_an_unknown_argument_names_the_nearest() -> None:
    found = problems("ExpectColumnValuesToBeBetween", column="price", min_valu=0, max_value=1)
    assert found == [
        "validation.tables.orders.expectations[0]: `ExpectColumnValuesToBeBetween` has no argument `min_valu`, "
        "did you mean `min_value`?"
    ]


def test_a_missing_argument_is_named() -> None:
    [problem] = problems("ExpectColumnValuesToBeInSet", value_set=[1])
    assert "needs the argument `column`" in problem


def test_a_wrong_value_is_one_problem() -> None:
    [problem] = problems("ExpectColumnValuesToBeBetween", column="price", min_value="cheap", max_value=2)
    assert "argument `min_value`" in problem


def test_only_rows_can_be_quarantined() -> None:
    [problem] = problems("ExpectColumnMeanToBeBetween", "quarantine", column="price", min_value=0)
    assert "not about single rows" in problem


@pytest.mark.parametrize("name", ["Expectation", "ExpectNothing"])
def test_what_is_no_expectation_is_refused(name: str) -> None:
    [problem] = problems(name)
    assert "Great Expectations has no" in problem


def test_what_needs_a_database_is_refused() -> None:
    [problem] = problems("ExpectTableRowCountToEqualOtherTable", other_table_name="x")
    assert "needs a database" in problem


def test_every_mistake_is_told_at_once() -> None:
    rules = [{"expect": "ExpectNothing"}, {"expect": "ExpectColumnValuesToBeInSet", "arguments": {"column": "shop"}}]
    assert len(check_expectations(make_definition({"expectations": rules}))) == 2
