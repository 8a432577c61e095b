"""What every test is run with, and in which order."""

from collections import Counter

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is. Speed is measured in benchmarks.
settings.register_profile("evergreen", deadline=None)
settings.load_profile("evergreen")


def _patience(item: pytest.Item) -> float:
    """The seconds that a test asked for beyond what every test is given."""
    asked = item.get_closest_marker("timeout")
    return float(asked.args[0]) if asked is not None and asked.args else 0.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, one of them would leave all other cores idle at the end.

    `--no-loadscope-reorder` lets xdist hand them out in this order.
    """
    longest: dict[str, float] = {}
    slow: Counter[str] = Counter()
    for item in items:
        file = str(item.path)
        longest[file] = max(longest.get(file, 0.0), _patience(item))
        slow[file] += item.get_closest_marker("slow") is not None
    items.sort(key=lambda item: (-longest[str(item.path)], -slow[str(item.path)]))
