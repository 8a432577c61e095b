"""A module can be read at one sitting: none above 400 lines, the median at most 150."""

import statistics

LARGEST = 400
MEDIAN = 150


def test_no_module_is_too_long(line_counts):
    long = {path: lines for path, lines in line_counts.items() if lines > LARGEST}
    assert not long, f"split these modules, none may have more than {LARGEST} lines: {long}"


def test_the_median_module_is_short(line_counts, record_property):
    median = statistics.median(line_counts.values())
    record_property("median_module_lines", median)
    print(f"{len(line_counts)} modules, median {median:.0f} lines, largest {max(line_counts.values())}")
    assert median <= MEDIAN, f"the median module has {median:.0f} lines, at most {MEDIAN} are allowed"
