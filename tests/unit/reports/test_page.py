import re
from datetime import UTC, date, datetime

import pytest
from jinja2 import UndefinedError

from evergreen.reports.page import format_count, format_number, format_share, plural, render_page, sentences
from evergreen.reports.validation_report import NightLine, TableSection, render_validation_page
from evergreen.results import Check, CheckOutcome

AS_OF = datetime(2013, 4, 1, 7, tzinfo=UTC)
DAY = date(2013, 3, 31)


def check(outcome: CheckOutcome, found: str = "ok") -> Check:
    return Check(table="orders", name="keys are unique", target="", outcome=outcome, found=found, allowed="once")


def page(*checks: Check) -> str:
    table = TableSection(
        name="orders",
        checks=checks,
        new_days=(DAY,),
        new_rows=10,
        quarantined=0,
        day_rows={date(2013, 3, 29): 900, DAY: 10},
        usual_rows=(450.0, 1800.0),
        nulls=(),
        quarantine=(),
    )
    night = NightLine(AS_OF, CheckOutcome.PASSED, 10, 0, 0, "", "x.html")
    return render_validation_page(model="m", as_of=AS_OF, tables=[table], history=[night], snapshot_digest="abc")


def test_the_answer_is_a_word_not_only_a_colour() -> None:
    assert ">Passed<" in page(check(CheckOutcome.PASSED))
    failed = page(check(CheckOutcome.PASSED), check(CheckOutcome.FAILED, found="2 rows"))
    assert ">Failed<" in failed
    assert failed.index("2 rows") < failed.index("Nights so far")


def test_a_page_needs_nothing_from_elsewhere_and_is_the_same_each_time() -> None:
    html = page(check(CheckOutcome.PASSED))
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=.?https?:|url\(https?:|@import|<script", html)
    assert html == page(check(CheckOutcome.PASSED))


def test_text_is_escaped() -> None:
    html = page(check(CheckOutcome.FAILED, found="<script>alert(1)</script>"))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_gap_in_the_days_is_drawn() -> None:
    assert "Sat 2013-03-30: 0 rows" in page(check(CheckOutcome.PASSED))


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_page("validation.html", title="x")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.5, "50"), (0.123, "12.3"), (1.0, "100"), (0.9999, "100"), (0.00001, "0.001")]
)
def test_shares_keep_the_digits_that_matter(value: float, text: str) -> None:
    assert format_share(value) == f"{text}\u202f%"


def test_counts_and_numbers_are_readable() -> None:
    assert format_count(1234567) == "1\u202f234\u202f567"
    assert format_number(0.123456) == "0.1235"
    assert format_number(123456.0) == "123\u202f456"
    assert (plural(1, "row"), plural(2, "row"), plural(2, "day", "nights")) == ("1 row", "2 rows", "2 nights")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Better by 0.0362. At least 0.0020 was asked for.", ["Better by 0.0362.", "At least 0.0020 was asked for."]),
        ("It is better.; Its bound holds.; `x` has moved.", ["It is better.", "Its bound holds.", "`x` has moved."]),
        ("after lunch; ask ada e.g. tomorrow", ["after lunch; ask ada e.g. tomorrow"]),
        ("", []),
    ],
)
def test_reasons_that_were_kept_as_one_text_come_apart(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts
