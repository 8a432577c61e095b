"""Our masks find the rows that Great Expectations counts, and what it cannot judge is never taken for a pass."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.definitions.validation import Expectation
from evergreen.stages.validate.expectations import GreatExpectations, judges, raised_message
from evergreen.stages.validate.masks import failing_mask
from evergreen.stages.validate.ruling import judge_days, judge_rows

DAY = date(2013, 1, 1)


@pytest.fixture(scope="module")
def engine() -> GreatExpectations:
    return GreatExpectations()


def rows() -> pd.DataFrame:
    moment = pd.Timestamp("2013-01-01 08:00", tz="UTC")
    return pd.DataFrame(
        {
            "_day": [DAY] * 6,
            "_row_id": [f"r{n}" for n in range(6)],
            "id": list("abcdef"),
            "number": [1.0, 2.0, np.nan, -4.0, 50.0, 5.0],
            "whole": [1, 2, 3, 4, 5, 5],
            "text": ["EWR", "JFK", None, "", "jfk", "JFK"],
            "moment": [moment, moment, pd.NaT, moment + pd.Timedelta(days=2), moment, moment],
        }
    ).astype({"moment": "datetime64[us, UTC]"})


def expect(name: str, severity: str = "quarantine", **arguments: Any) -> Expectation:
    return Expectation.model_validate({"expect": name, "arguments": arguments, "severity": severity})


OWN = [
    (expect("ExpectColumnValuesToNotBeNull", column="number"), [2]),
    (expect("ExpectColumnValuesToBeNull", column="text"), [0, 1, 3, 4, 5]),
    (expect("ExpectColumnValuesToBeBetween", column="number", min_value=1, max_value=5), [3, 4]),
    (expect("ExpectColumnValuesToBeBetween", column="number", min_value=1, max_value=5, strict_max=True), [3, 4, 5]),
    (expect("ExpectColumnValuesToBeBetween", column="number", min_value=1, strict_min=True), [0, 3]),
    (expect("ExpectColumnValuesToBeBetween", column="whole", max_value=4), [4, 5]),
    (expect("ExpectColumnValuesToBeBetween", column="moment", max_value="2013-01-02T00:00:00+00:00"), [3]),
    (expect("ExpectColumnValuesToBeInSet", column="text", value_set=["EWR", "JFK"]), [3, 4]),
    (expect("ExpectColumnValuesToNotBeInSet", column="text", value_set=["JFK"]), [1, 5]),
    (expect("ExpectColumnValuesToMatchRegex", column="text", regex="^[A-Z]{3}$"), [3, 4]),
    (expect("ExpectColumnValuesToNotMatchRegex", column="text", regex="J"), [1, 5]),
    (expect("ExpectColumnValueLengthsToEqual", column="text", value=3), [3]),
    (expect("ExpectColumnValueLengthsToBeBetween", column="text", min_value=1, max_value=2), [0, 1, 3, 4, 5]),
]
PAIR = {"column_A": "number", "column_B": "whole", "ignore_row_if": "either_value_is_missing", "or_equal": True}
CONDITION = {"row_condition": "whole > 4", "condition_parser": "pandas"}
BY_THEIR_LIST = [
    (expect("ExpectColumnPairValuesAToBeGreaterThanB", **PAIR), [3]),
    (expect("ExpectColumnValuesToMatchRegexList", column="text", regex_list=["^J", "^E"]), [3, 4]),
    (expect("ExpectColumnValuesToBeBetween", column="number", max_value=2, **CONDITION), [4, 5]),
]


def failing(engine: GreatExpectations, expectation: Expectation) -> tuple[list[int], str]:
    [ruling] = judge_rows(engine, rows(), [expectation], ["id"])
    assert ruling.rule.failing_rows == int(ruling.failing.sum())
    return np.flatnonzero(ruling.failing).tolist(), ruling.rule.error


@pytest.mark.parametrize(("expectation", "expected"), OWN, ids=lambda value: getattr(value, "expect", None))
def test_own_masks_agree_with_great_expectations(
    engine: GreatExpectations, expectation: Expectation, expected: list[int]
) -> None:
    assert failing_mask(expectation.expect, expectation.arguments, rows()) is not None
    assert failing(engine, expectation) == (expected, "")


@pytest.mark.filterwarnings(
    "ignore:.*deprecated as of GX Core:DeprecationWarning"
)  # Great Expectations' text form of a condition
@pytest.mark.parametrize(("expectation", "expected"), BY_THEIR_LIST, ids=lambda value: getattr(value, "expect", None))
def test_other_expectations_use_the_list_of_rows(
    engine: GreatExpectations, expectation: Expectation, expected: list[int]
) -> None:
    assert failing_mask(expectation.expect, expectation.arguments, rows()) is None
    assert failing(engine, expectation) == (expected, "")


def test_many_expectations_keep_their_order(engine: GreatExpectations) -> None:
    mixed = [OWN[0][0], BY_THEIR_LIST[1][0], OWN[1][0]]
    names = [ruling.rule.name for ruling in judge_rows(engine, rows(), mixed, ["id"])]
    assert names == [item.expect for item in mixed]


def test_a_disagreement_is_not_a_pass(engine: GreatExpectations, monkeypatch: pytest.MonkeyPatch) -> None:
    from evergreen.stages.validate import ruling

    monkeypatch.setattr(ruling, "failing_mask", lambda *_: np.zeros(6, dtype=np.bool_))
    assert "cannot be told apart" in failing(engine, OWN[0][0])[1]


@pytest.mark.parametrize(
    "broken",
    [
        expect("ExpectColumnValuesToBeBetween", column="nowhere", min_value=1),
        expect("ExpectColumnValuesToBeBetween", column="text", min_value=1),
        expect("ExpectColumnValuesToBeBetween", column="number"),
    ],
)
def test_what_cannot_be_judged_says_why(engine: GreatExpectations, broken: Expectation) -> None:
    rows_found, error = failing(engine, broken)
    assert rows_found == []
    assert error


def test_an_unknown_expectation_is_an_error(engine: GreatExpectations) -> None:
    days = judge_days(engine, rows(), {DAY: np.arange(6)}, [expect("ExpectNothing", "fail")], ["id"])
    assert "has no ExpectNothing" in days[0].rule.error


def test_a_column_is_judged_day_by_day(engine: GreatExpectations) -> None:
    frame = rows()
    other = date(2013, 1, 2)
    frame["_day"] = [DAY] * 3 + [other] * 3
    days = {DAY: np.arange(3), other: np.arange(3, 6), date(2013, 1, 3): np.arange(0)}
    rule = expect("ExpectColumnMeanToBeBetween", "fail", column="number", min_value=0, max_value=10)
    [ruling] = judge_days(engine, frame, days, [rule], ["id"])
    assert ruling.rule.judged == 2
    assert ruling.rule.failing_days == {other: "17"}


def test_numpy_s_bool_is_a_plain_answer(engine: GreatExpectations) -> None:
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 1]]}
    rule = expect("ExpectColumnQuantileValuesToBeBetween", "fail", column="whole", quantile_ranges=ranges)
    [answer] = engine.judge(rows(), [rule], list_rows=False)
    assert answer.success is False


def test_a_tolerance_is_a_judgement_on_a_day(engine: GreatExpectations) -> None:
    tolerant = expect("ExpectColumnValuesToBeBetween", column="number", min_value=0, mostly=0.75)
    strict = expect("ExpectColumnValuesToBeBetween", column="number", min_value=0, mostly=0.9)
    assert (judges(tolerant), judges(expect("ExpectColumnValuesToNotBeNull", column="number"))) == ("day", "row")
    kept, failed = judge_days(engine, rows(), {DAY: np.arange(6)}, [tolerant, strict], ["id"])
    assert kept.rule.failing_days == {}
    assert not kept.failing.any()
    assert np.flatnonzero(failed.failing).tolist() == [3]


def test_uniqueness_is_judged_by_day_and_finds_its_rows(engine: GreatExpectations) -> None:
    unique = expect("ExpectColumnValuesToBeUnique", column="whole")
    assert judges(unique) == "day"
    [ruling] = judge_days(engine, rows(), {DAY: np.arange(6)}, [unique], ["id"])
    assert np.flatnonzero(ruling.failing).tolist() == [4, 5]


def test_examples_are_bounded(engine: GreatExpectations) -> None:
    frame = pd.concat([rows()] * 10, ignore_index=True)
    [ruling] = judge_rows(engine, frame, [OWN[0][0]], ["id"])
    assert len(ruling.rule.examples) == 5
    assert ruling.rule.examples[0].value == "missing"


def test_no_rows_are_not_judged(engine: GreatExpectations) -> None:
    assert judge_rows(engine, rows().iloc[:0], [OWN[0][0]], ["id"]) == []


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"raised_exception": False, "exception_message": None}, ""),
        ({"raised_exception": True, "exception_message": "no\n such column"}, "no; such column"),
        ({"metric": {"raised_exception": True, "exception_message": "broken"}}, "broken"),
        ({"metric": {"raised_exception": True, "exception_message": None}}, "an exception without words"),
        ({}, ""),
        (None, ""),
    ],
)
def test_both_shapes_of_exception_information_are_read(info: object, message: str) -> None:
    assert raised_message(info) == message
