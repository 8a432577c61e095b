"""How expectations and what they found are put into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, timedelta

    from evergreen.definitions.validation import Expectation

_TARGETS = ("column", "column_A", "column_B", "column_list", "column_set")
MAX_SHOWN = 10


def target_of(expectation: Expectation) -> str:
    """Name the column or columns an expectation is about; empty for the whole table."""
    named = [expectation.arguments[name] for name in _TARGETS if name in expectation.arguments]
    flat = [column for value in named for column in (value if isinstance(value, list | tuple) else [value])]
    return ", ".join(str(column) for column in flat)


def allowed_by(expectation: Expectation) -> str:
    """Say what an expectation allows, from its own arguments."""
    arguments = {name: value for name, value in expectation.arguments.items() if name not in _TARGETS}
    words = [_range(arguments)] if {"min_value", "max_value"} & set(arguments) else []
    if "value_set" in arguments:
        shown = [str(value) for value in arguments["value_set"]]
        words.append(f"one of {bounded(shown)}" if "Not" not in expectation.expect else f"none of {bounded(shown)}")
    if "regex" in arguments:
        words.append(f"text that {'does not match' if 'NotMatch' in expectation.expect else 'matches'} {arguments['regex']}")
    said = {"min_value", "max_value", "strict_min", "strict_max", "value_set", "regex"}
    words += [f"{name} {value}" for name, value in arguments.items() if name not in said]
    return "; ".join(words) or _WITHOUT_ARGUMENTS.get(expectation.expect, "that it holds")


def bounded(values: list[str], limit: int = MAX_SHOWN) -> str:
    """Join the first values and say how many more there are."""
    more = len(values) - limit
    return ", ".join(values[:limit]) + (f" and {more} more" if more > 0 else "")


def said_days(days: list[date]) -> str:
    """Name a few days, or the span of many."""
    if len(days) <= 3:
        return ", ".join(day.isoformat() for day in days)
    return f"{len(days)} days, {days[0].isoformat()} to {days[-1].isoformat()}"


def number(value: float) -> str:
    """Write a number without needless digits."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def observed_text(value: object) -> str:
    """Write what Great Expectations observed."""
    if isinstance(value, bool | str) or value is None:
        return "nothing to observe" if value is None else str(value)
    try:
        return number(float(value))  # type: ignore[arg-type]  # numpy's numbers are floats in all but name
    except (TypeError, ValueError):
        text = str(value)
        return text if len(text) <= 120 else text[:119] + "…"


def _range(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if high is None:
        return f"{'more than' if arguments.get('strict_min') else 'at least'} {low}"
    if low is None:
        return f"{'less than' if arguments.get('strict_max') else 'at most'} {high}"
    return f"{low} to {high}"


_WITHOUT_ARGUMENTS = {
    "ExpectColumnValuesToNotBeNull": "a value in every row",
    "ExpectColumnValuesToBeNull": "no value in any row",
    "ExpectColumnValuesToBeUnique": "every value once",
}


def rows_text(rows: int) -> str:
    """Write a number of rows."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def per_cent(share: float) -> str:
    """Write a share (0 to 1) as per cent, three significant digits at most."""
    return f"{share * 100:.3g} %" if share < 0.9995 else f"{share * 100:.4g} %"


def days_and_values(found: Mapping[date, str], limit: int = 3) -> str:
    """Say what was found on each of a few days."""
    shown = [f"{day.isoformat()}: {value}" for day, value in list(found.items())[:limit]]
    more = len(found) - limit
    return "; ".join(shown) + (f"; and {more} more day{'' if more == 1 else 's'}" if more > 0 else "")


def duration(value: timedelta) -> str:
    """Write a duration in days from two days on, in hours below."""
    hours = value.total_seconds() / 3600
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} h"
