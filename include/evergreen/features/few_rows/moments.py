"""Operations on moments and spans of time, counted in whole units since 1970."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from math import nan
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import PER_SECOND, TEXT, Form, Kind, moment, refuse, whole
from evergreen.features.few_rows.plan import single
from evergreen.features.few_rows.truths import same_unit
from evergreen.features.few_rows.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Kernel, Plan, Values

_DAY = 86_400_000_000
_UNIX_DAY = date(1970, 1, 1).toordinal()
_FIXED = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": _DAY}
"""Microseconds of the spans that are always as long."""
_DIRECTIVES = re.compile(r"%[YmdHMSj]|[^%]")


def _moments(columns: Sequence[Column], name: str) -> Column:
    column = single(columns, name)
    if column.kind.form is not Form.MOMENT:
        raise refuse(f"{name} of {column.kind.form.name}")
    return column


def _in_utc(column: Column) -> Column:
    """Narwhals does not know every time zone by its pandas dtype, and does otherwise with those."""
    if column.kind.zone not in (None, "UTC"):
        raise refuse(f"moments of {column.kind.zone} where Narwhals asks for their dtype")
    return column


def wall_clock(plan: Plan, column: Column) -> Column:
    """Add the step that reads the local wall clock, in microseconds since its own 1970."""
    per_microsecond = PER_SECOND[column.kind.unit] / 1_000_000
    kind = moment("us", None)
    if column.kind.unit != "us":
        down, up = max(1, int(per_microsecond)), max(1, round(1 / per_microsecond))
        scaled = Kind(Form.MOMENT, unit="us", zone=column.kind.zone)
        column = plan.add("to_us", lambda values: [None if v is None else v * up // down for v in values], (column,), scaled)
    if column.kind.zone in (None, "UTC"):
        return column.seen_as(kind)
    offset = Zone(column.kind.zone).offset

    def kernel(values: Values) -> list[Any]:
        return [None if value is None else value + offset(value) for value in values]

    return plan.add("wall_clock", kernel, (column,), kind, parameters=(column.kind.zone,))


def _field(name: str, function: Callable[[int], int]) -> Callable[..., Column]:
    """A part of the date or time: 32 bits, unless one of the batch is missing."""

    def kernel(values: Values) -> list[Any]:
        moments = list(values)
        if None in moments:
            return [nan if value is None else float(function(value)) for value in moments]
        return list(map(function, moments))

    def build(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
        return plan.add(name, kernel, (wall_clock(plan, _moments(columns, name)),), whole(32))

    return build


def _date(wall: int) -> date:
    return date.fromordinal(wall // _DAY + _UNIX_DAY)


def _convert(_: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = _in_utc(_moments(columns, "convert_time_zone"))
    kind = Kind(Form.MOMENT, unit=column.kind.unit, zone=options["time_zone"])
    return column.seen_as(kind)


def _without_zone(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = _moments(columns, "replace_time_zone")
    if options["time_zone"] is not None or column.kind.unit != "us":
        raise refuse("a wall clock read as that of another time zone")
    return wall_clock(plan, column)


def _span(text: str, allowed: Sequence[str]) -> tuple[int, str]:
    match = re.fullmatch(r"(-?\d+)(us|ms|s|m|h|d)", text)
    if match is None or match[2] not in allowed:
        raise refuse(f"a span of {text}")
    return int(match[1]) * _FIXED[match[2]], match[2]


def _truncate(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = _moments(columns, "truncate")
    span, _ = _span(options["every"], ("us", "ms", "s", "m", "h", "d"))
    if column.kind.unit != "us" or span <= 0:
        raise refuse("truncate of moments not in microseconds")
    if column.kind.zone in (None, "UTC"):
        floor: Kernel = lambda values: [None if v is None else v - v % span for v in values]  # noqa: E731
        return plan.add("truncate", floor, (column,), column.kind, parameters=(span,))
    zone = Zone(column.kind.zone)
    return plan.add("truncate", _local_floor(zone, span), (column,), column.kind, parameters=(span,), may_refuse=True)


def _local_floor(zone: Zone, span: int) -> Kernel:
    def floor(value: int) -> int:
        wall = value + zone.offset(value)
        return zone.moment(wall - wall % span)

    return lambda values: [None if value is None else floor(value) for value in values]


def _offset_by(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = _moments(columns, "offset_by")
    span, unit = _span(options["by"], ("us", "ms", "s", "m", "h", "d"))
    if column.kind.unit != "us" or (unit == "d" and column.kind.zone not in (None, "UTC")):
        raise refuse("days added on a local calendar")
    return plan.add(
        "offset_by",
        lambda values: [None if v is None else v + span for v in values],
        (column,),
        column.kind,
        parameters=(span,),
    )


def _to_string(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    pattern = options["format"]
    if "".join(_DIRECTIVES.findall(pattern)) != pattern:
        raise refuse(f"a date written as {pattern}")
    start = datetime(1970, 1, 1)  # noqa: DTZ001 -- a wall clock

    def written(wall: int) -> str:
        shown = start + timedelta(microseconds=wall)
        if shown.year < 1000:
            raise refuse("a year of less than four digits")
        return shown.strftime(pattern)

    def kernel(values: Values) -> list[Any]:
        return [None if value is None else written(value) for value in values]

    wall = wall_clock(plan, _moments(columns, "to_string"))
    return plan.add("to_string", kernel, (wall,), TEXT, parameters=(pattern,), may_refuse=True)


def _timestamp(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = _in_utc(_moments(columns, "timestamp"))
    if column.kind.unit != "us" or options["time_unit"] not in ("us", "ms"):
        raise refuse("a timestamp in nanoseconds")
    down = 1 if options["time_unit"] == "us" else 1_000

    def kernel(values: Values) -> list[Any]:
        moments = list(values)
        if None in moments:
            return [nan if value is None else float(value // down) for value in moments]
        return [value // down for value in moments]

    return plan.add("timestamp", kernel, (column,), whole(), parameters=(down,))


def shift(plan: Plan, name: str, left: Column, right: Column) -> Column:
    """Add the step that subtracts moments or adds a span to them; in the finer unit of both."""
    forms = (left.kind.form, right.kind.form)
    sign = -1 if name == "sub" else 1
    if forms == (Form.MOMENT, Form.MOMENT) and name == "sub":
        left, right = same_unit(plan, left, right)
        kind = Kind(Form.SPAN, unit=left.kind.unit)
    elif forms in ((Form.MOMENT, Form.SPAN), (Form.SPAN, Form.SPAN)):
        left, right = same_unit(plan, left, right)
        kind = left.kind
    else:
        raise refuse(f"{name} of {forms[0].name} and {forms[1].name}")

    def kernel(ours: Values, theirs: Values) -> list[Any]:
        return [None if x is None or y is None else x + sign * y for x, y in zip(ours, theirs, strict=False)]

    return plan.add(f"{name}_time", kernel, (left, right), kind)


def _total(name: str, scale: int, seconds: int) -> Callable[..., Column]:
    """Whole units of a span, counted as Narwhals does: in floats of seconds, away from which the sign is put back."""

    def build(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
        column = single(columns, name)
        if column.kind.form is not Form.SPAN:
            raise refuse(f"{name} of {column.kind.form.name}")
        per_second = PER_SECOND[column.kind.unit]

        def kernel(values: Values) -> list[Any]:
            spans = [nan if value is None else float(value) / per_second * scale for value in values]
            whole_units = [abs(span) // seconds * (1.0 if span > 0 else -1.0) for span in spans]
            return whole_units if any(span != span for span in spans) else list(map(int, whole_units))

        return plan.add(name, kernel, (column,), whole(), parameters=(column.kind.unit,))

    return build


OPERATIONS = {
    "dt.year": _field("year", lambda wall: _date(wall).year),
    "dt.month": _field("month", lambda wall: _date(wall).month),
    "dt.day": _field("day", lambda wall: _date(wall).day),
    "dt.ordinal_day": _field("ordinal_day", lambda wall: _date(wall).timetuple().tm_yday),
    "dt.weekday": _field("weekday", lambda wall: (wall // _DAY + 3) % 7 + 1),
    "dt.hour": _field("hour", lambda wall: wall // 3_600_000_000 % 24),
    "dt.minute": _field("minute", lambda wall: wall // 60_000_000 % 60),
    "dt.second": _field("second", lambda wall: wall // 1_000_000 % 60),
    "dt.millisecond": _field("millisecond", lambda wall: wall // 1_000 % 1_000),
    "dt.microsecond": _field("microsecond", lambda wall: wall % 1_000_000),
    "dt.convert_time_zone": _convert,
    "dt.replace_time_zone": _without_zone,
    "dt.truncate": _truncate,
    "dt.offset_by": _offset_by,
    "dt.to_string": _to_string,
    "dt.timestamp": _timestamp,
    "dt.total_minutes": _total("total_minutes", 1, 60),
    "dt.total_seconds": _total("total_seconds", 1, 1),
    "dt.total_milliseconds": _total("total_milliseconds", 1_000, 1),
    "dt.total_microseconds": _total("total_microseconds", 1_000_000, 1),
}
