"""Pages for people: one HTML file each, complete in itself, readable offline, in light, in dark and on paper."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from datetime import datetime

_BETWEEN_SENTENCES = re.compile(r"(?<=\.);? (?=[A-Z`])")


def render_page(template: str, *, title: str, **context: object) -> str:
    """Render a template of `reports/templates` to one self-contained HTML page.

    Text is escaped; only `Markup` values (such as `plots.to_svg` returns) reach the page as they are. The page's own
    content policy forbids scripts and anything fetched from elsewhere.

    Args:
        template: File name below `templates/`, such as `validation.html`; it extends `base.html`.
        title: Window title and heading.
        **context: What the template shows; a name the template uses and the context lacks is an error.

    Returns:
        The page; the same context always gives the same text.
    """
    return _environment().get_template(template).render(title=title, **context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("evergreen.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": format_count, "share": format_share, "number": format_number}
    environment.filters |= {"moment": format_moment, "plural": plural, "sentences": sentences}
    return environment


def format_count(value: int) -> str:
    """Write a count with thin spaces between thousands: 12 345."""
    return f"{value:,}".replace(",", "\u202f")


def format_share(value: float) -> str:
    """Write a share (0 to 1) as per cent, with as many digits as a small one needs to be seen."""
    per_cent = value * 100
    if per_cent == 0:
        return "0\u202f%"
    digits = 0 if per_cent >= 99.95 or per_cent == int(per_cent) else 1 if per_cent >= 0.1 else 3
    return f"{per_cent:.{digits}f}\u202f%"


def format_number(value: float, digits: int = 4) -> str:
    """Write a number with `digits` significant digits, without an exponent where it can be avoided."""
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}".replace(",", "\u202f")


def format_moment(value: datetime) -> str:
    """Write an aware moment as `2013-04-01 07:00 UTC`."""
    offset = value.strftime("%z")
    return value.strftime("%Y-%m-%d %H:%M ") + ("UTC" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}")


def sentences(text: str) -> list[str]:
    """Take reasons that were kept as one text apart again; what is no sentence stays in one piece."""
    return [part for part in _BETWEEN_SENTENCES.split(text) if part]


def plural(count: int, singular: str, many: str = "") -> str:
    """Write a count with its noun: `1 row`, `2 rows`."""
    return f"{format_count(count)} {singular if count == 1 else many or singular + 's'}"
