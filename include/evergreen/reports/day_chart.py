"""Rows by day as a small bar chart: plain SVG, drawn without Matplotlib because a night pays for every import."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

MAX_DAYS = 60
_WIDTH, _HEIGHT, _TOP, _BOTTOM, _LEFT = 960.0, 128.0, 10.0, 18.0, 44.0


def day_chart(rows: Mapping[date, int], new_days: Collection[date], usual: tuple[float, float] | None) -> Markup:
    """Draw one bar per day, the new days stronger, a gap where there are no rows, and the allowed band of the newest day.

    Args:
        rows: Rows by day; the last sixty days are drawn.
        new_days: Days judged in this night.
        usual: Fewest and most rows allowed, or None when there is nothing to compare with.

    Returns:
        An `<svg>` element, or nothing for fewer than two days.
    """
    if len(rows) < 2:
        return Markup()
    last = max(rows)
    first = max(min(rows), last - timedelta(days=MAX_DAYS - 1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    top = max([rows.get(day, 0) for day in days] + ([usual[1]] if usual and usual[1] < 3 * max(rows.values()) else []))
    scale = (_HEIGHT - _TOP - _BOTTOM) / max(top, 1)
    step = (_WIDTH - _LEFT) / len(days)
    floor = _HEIGHT - _BOTTOM
    parts = [_band(usual, scale, floor, top)] if usual else []
    for number, day in enumerate(days):
        parts.append(_bar(day, rows.get(day, 0), _LEFT + number * step, step, scale, floor, new=day in new_days))
    parts.append(Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="var(--rule)"/>').format(_LEFT, _WIDTH, floor, floor))
    parts.append(_text(_LEFT - 6, _TOP + 4, f"{top:,.0f}", "end"))
    parts.append(_text(_LEFT - 6, floor, "0", "end"))
    parts.append(_text(_LEFT, _HEIGHT - 4, first.isoformat(), "start"))
    parts.append(_text(_WIDTH, _HEIGHT - 4, last.isoformat(), "end"))
    label = f"rows by day, {first.isoformat()} to {last.isoformat()}"
    head = Markup('<svg viewBox="0 0 {:g} {:g}" width="100%" role="img" aria-label="{}">').format(_WIDTH, _HEIGHT, label)
    return head + Markup().join(parts) + Markup("</svg>")


def _bar(day: date, rows: int, x: float, step: float, scale: float, floor: float, *, new: bool) -> Markup:
    width = max(step * 0.72, 1.0)
    left = x + (step - width) / 2
    if rows == 0:  # a gap is drawn, or nobody would see it
        shape = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="3" fill="var(--bad)"/>').format(
            left, floor - 3, width
        )
    else:
        height = max(rows * scale, 1.0)
        tone = "var(--accent)" if new else "var(--bar)"
        shape = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1" fill="{}"/>').format(
            left, floor - height, width, height, tone
        )
    title = f"{day:%a} {day.isoformat()}: {rows:,} rows{', new' if new else ''}"
    return Markup("<g><title>{}</title>{}</g>").format(title, shape)


def _band(usual: tuple[float, float], scale: float, floor: float, top: float) -> Markup:
    low, high = usual
    high_y = floor - min(high, top) * scale
    return Markup('<rect x="{}" y="{:.1f}" width="{}" height="{:.1f}" fill="var(--faint)"><title>{}</title></rect>').format(
        _LEFT, high_y, _WIDTH - _LEFT, max(floor - low * scale - high_y, 0), f"allowed: {low:,.0f} to {high:,.0f} rows"
    )


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:g}" y="{:g}" font-size="10.5" fill="var(--muted)" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )
