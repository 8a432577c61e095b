"""Charts as inline SVG that take their colours from the page, so that they are right in light, in dark and on paper.

Matplotlib draws with stand-in colours (the names below); `to_svg` turns each into the page's own CSS variable.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, CARD = "#010203", "#010204", "#010205", "#010206"
GOOD, WARN, BAD = "#010207", "#010208", "#010209"
SERIES = ("#01020a", "#01020b", "#01020c", "#01020d")
"""Colours of data series in order: challenger, champion, baseline, anything else."""

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    CARD: "--card",
    GOOD: "--good",
    WARN: "--warn",
    BAD: "--bad",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)},
}
_STYLE: Any = {  # Matplotlib types its keys as one long literal
    "svg.hashsalt": "evergreen",  # the same figure gives the same ids, so the same bytes
    "svg.fonttype": "none",  # text stays text: the page's font, selectable, small
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


@contextmanager
def drawing(width: float = 4.6, height: float = 3.2) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure and its axes in the house style; draw and call `to_svg` inside the block.

    Args:
        width: Width in inches; the page shows 96 pixels to the inch at most.
        height: Height in inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def to_svg(figure: Figure, *, label: str = "") -> Markup:
    """Return a figure as an inline `<svg>` element, the same bytes for the same figure.

    Args:
        figure: A `matplotlib.figure.Figure`, drawn with the colours of this module; pyplot is not needed.
        label: What a screen reader says in its place.
    """
    import matplotlib as mpl

    stream = StringIO()
    with mpl.rc_context(_STYLE):
        unsaid = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # a date would make each drawing different
        figure.savefig(stream, format="svg", transparent=True, metadata=unsaid)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>\s*", "", text, flags=re.DOTALL)  # it would style the whole page
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # named groups would repeat on a page with two charts
    text = re.sub(r"(font: [^;\"]*?\d(?:\.\d+)?px)[^;\"]*", r"\1 inherit", text)
    text = re.sub(r"font-family: ?[^;\"]*", "font-family: inherit", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{Markup.escape(label)}" ', 1))


def line_chart(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x_label: str,
    y_label: str,
    diagonal: bool = False,
    markers: bool = False,
) -> Markup:
    """Draw named lines over one pair of axes.

    Args:
        series: Per name the x and the y values, each of shape (n_points,); at most four, coloured in the order of `SERIES`.
        x_label: Name and unit of x.
        y_label: Name and unit of y.
        diagonal: Also draw x = y from 0 to 1, for calibration and ROC curves.
        markers: Mark the points.
    """
    with drawing() as (figure, axes):
        if diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
        for colour, (name, (x, y)) in zip(SERIES, series.items(), strict=False):
            axes.plot(x, y, color=colour, label=name, marker="o" if markers else None, markersize=3)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.legend(loc="best", fontsize=8)
        return to_svg(figure, label=f"{y_label} by {x_label}: {', '.join(series)}")


def bar_chart(values: Mapping[str, float], *, x_label: str) -> Markup:
    """Draw one horizontal bar per name, the first on top."""
    with drawing(height=0.9 + 0.22 * len(values)) as (figure, axes):
        axes.barh(list(values), list(values.values()), color=SERIES[0], height=0.62)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x_label)
        return to_svg(figure, label=f"{x_label} of {', '.join(values)}")


def interval_chart(rows: Mapping[str, tuple[float, float, float]], *, x_label: str, reference: float = 0.0) -> Markup:
    """Draw one horizontal interval per name: (low, middle, high), against a vertical reference line."""
    with drawing(height=0.9 + 0.26 * len(rows)) as (figure, axes):
        axes.axvline(reference, color=MUTED, linewidth=0.9)
        for position, (low, middle, high) in enumerate(rows.values()):
            tone = GOOD if low > reference else BAD if high < reference else SERIES[2]
            axes.plot([low, high], [position, position], color=tone, linewidth=2)
            axes.plot([middle], [position], color=tone, marker="o", markersize=4.5)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.locator_params(axis="x", nbins=6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x_label)
        return to_svg(figure, label=f"{x_label} of {', '.join(rows)}")
