"""Who is asked in a rollout is decided once, evenly and the same everywhere."""

import subprocess
import sys

import numpy as np
import pytest

from evergreen.serving.split import place

ROLLOUT = "0123456789abcdef0123456789abcdef"


def test_places_are_spread_evenly():
    places = np.array([place(ROLLOUT, [f"caller-{n}"]) for n in range(20_000)])
    assert places.min() >= 0
    assert places.max() < 1
    counts, _ = np.histogram(places, bins=20, range=(0, 1))
    # Twenty bins of a thousand each: five standard deviations are about 155.
    assert np.abs(counts - 1000).max() < 155


def test_as_the_share_grows_nobody_is_let_go():
    places = [place(ROLLOUT, [n]) for n in range(2000)]
    first, second = ({n for n, found in enumerate(places) if found < share} for share in (0.05, 0.25))
    assert first < second


def test_another_rollout_asks_others_first():
    ours = {n for n in range(4000) if place(ROLLOUT, [n]) < 0.1}
    theirs = {n for n in range(4000) if place("another", [n]) < 0.1}
    # A tenth of a tenth of 4000 is 40, give or take six.
    assert len(ours & theirs) < 80


@pytest.mark.parametrize("values", [["ü&", None, 7, 7.5], ["\ud800"], [""]])
def test_any_values_have_a_place_that_another_process_finds_too(values):
    code = f"from evergreen.serving.split import place; print(repr(place({ROLLOUT!r}, {values!r})))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(told.stdout) == place(ROLLOUT, values)


def test_values_are_told_apart_from_their_neighbours():
    assert place(ROLLOUT, ["ab", "c"]) != place(ROLLOUT, ["a", "bc"])
