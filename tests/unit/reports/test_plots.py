import re
from datetime import date, timedelta

from evergreen.reports.day_chart import MAX_DAYS, day_chart
from evergreen.reports.plots import bar_chart, drawing, interval_chart, line_chart, to_svg

CURVES = {"challenger": ([0, 0.5, 1], [0, 0.7, 1]), "champion": ([0, 0.5, 1], [0, 0.6, 1])}


def test_a_chart_is_the_same_bytes_each_time() -> None:
    assert line_chart(CURVES, x_label="x", y_label="y") == line_chart(CURVES, x_label="x", y_label="y")


def test_a_chart_takes_the_page_s_colours_and_leaks_no_style() -> None:
    for svg in (
        line_chart(CURVES, x_label="x", y_label="y", diagonal=True),
        bar_chart({"hour": 0.3, "carrier": 0.2}, x_label="gain"),
        interval_chart({"EWR": (0.01, 0.02, 0.03), "JFK": (-0.03, -0.02, -0.01)}, x_label="difference"),
    ):
        assert "var(--" in svg
        assert not re.search(r"#0102|<style|<g id=|DejaVu|<dc:", svg)
        assert svg.startswith('<svg role="img" aria-label="')


def test_text_of_a_chart_is_escaped() -> None:
    with drawing() as (figure, axes):
        axes.set_title("<b>")
        svg = to_svg(figure, label='"<b>"')
    assert "<b>" not in svg


def test_an_interval_is_coloured_by_its_side_of_the_reference() -> None:
    svg = interval_chart({"better": (0.1, 0.2, 0.3)}, x_label="d")
    assert "var(--good)" in svg
    assert "var(--bad)" not in svg
    assert "var(--bad)" in interval_chart({"worse": (-0.3, -0.2, -0.1)}, x_label="d")


def test_days_are_bounded_and_named() -> None:
    first = date(2013, 1, 1)
    rows = {first + timedelta(n): 100 for n in range(100)}
    svg = day_chart(rows, [max(rows)], (50.0, 200.0))
    assert svg.count(" rows") == MAX_DAYS + 1  # the bars and the band
    assert "100 rows, new" in svg


def test_one_day_is_no_chart() -> None:
    assert day_chart({date(2013, 1, 1): 3}, [], None) == ""
