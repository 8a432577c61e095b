"""Metrics as Prometheus reads them."""

import math
import re
from pathlib import Path

from evergreen.serving.metric_text import FAMILIES, Sample, metric_text

LINE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z_]+="(\\.|[^"\\\n])*",?)*\})? (\S+)$')


def test_families_stand_together_with_meaning_and_type():
    text = metric_text(
        [
            Sample("rows_total", {"model": "a"}, 3),
            Sample("swaps_total", {}, 0),
            Sample("rows_total", {"model": "b"}, 4.5),
            Sample("latency_seconds", {"le": "+Inf"}, 7, "_bucket"),
            Sample("latency_seconds", {}, 0.25, "_sum"),
        ]
    )
    assert text.splitlines()[:4] == [
        "# HELP evergreen_gateway_rows_total Rows answered by a release.",
        "# TYPE evergreen_gateway_rows_total counter",
        'evergreen_gateway_rows_total{model="a"} 3',
        'evergreen_gateway_rows_total{model="b"} 4.5',
    ]
    assert text.endswith("\n")
    assert 'evergreen_gateway_latency_seconds_bucket{le="+Inf"} 7' in text
    assert text.count("# TYPE evergreen_gateway_rows_total") == 1


def test_labels_are_escaped():
    text = metric_text([Sample("rows_total", {"model": 'a"b\\c\nd'}, 1)])
    assert 'model="a\\"b\\\\c\\nd"' in text
    assert all(LINE.match(line) for line in text.splitlines() if not line.startswith("#"))


def test_large_and_small_values():
    text = metric_text([Sample("spool_bytes", {}, 2.0**60), Sample("swaps_total", {}, 1e-9)])
    values = [float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")]
    assert math.isclose(max(values), 2.0**60)
    assert min(values) == 1e-9


def test_the_guide_lists_every_family():
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "gateway.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if f"`{name}`" not in guide] == []
