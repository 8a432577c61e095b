"""How many rows weigh as much as one independent row, when rows of one day or one week resemble each other."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.statistics.rows import Floats, Integers

BLOCK_DAYS = (1, 7)
"""Lengths of the blocks within which rows may depend on each other."""
MIN_BLOCKS = 4
"""Fewest blocks whose spread says anything."""


def design_effect_of_numbers(ranks: Floats, days: NDArray[np.datetime64]) -> float:
    """Design effect of a number, from its mid-ranks: where a block lies, and how wide it is.

    The means of the blocks vary by so many times more than means of as many independent rows would. Looked at are the ranks and
    their distance from the middle rank, by days and by weeks; the largest of the four counts. A largest of four is too large by
    chance alone, by about `sqrt(1 / n_weeks)` on independent rows; just that is taken off again. What is left errs upwards,
    because nothing below 1 is returned: independent rows give 1.06 on average on a year and 1.2 on nine weeks.

    A week's mean also moves with the season, so the effect of a reference of a year is large for whatever has seasons. That is
    meant: a window of one week is as unlike the year as its weeks are unlike each other.

    Args:
        ranks: Mid-ranks of the rows, shape (n_rows,).
        days: Day of each row, datetime64[D], shape (n_rows,).

    Returns:
        1 or more; 1 where there are fewer than 4 days, which say nothing about it.

    References:
        Kish, "Survey sampling", Wiley 1965, chapter 5; Clark, "The greatest of a finite set of random variables", Operations
        Research 1961, on the largest of several.
    """
    if len(ranks) < 2:
        return 1.0
    place = ranks - ranks.mean()
    width = np.abs(place)
    blocks = _blocks(days)
    effects = [_of_values(values, block) for values in (place, width - width.mean()) for block in blocks]
    return _largest(effects, [2 / (int(block.max()) or 1) for block in blocks], families=2)


def design_effect_of_categories(codes: Integers, days: NDArray[np.datetime64]) -> float:
    """Design effect of a category, from the shares of all categories together; see `design_effect_of_numbers`.

    Args:
        codes: Number of each row's category, 0 to n_categories - 1, shape (n_rows,).
        days: Day of each row, datetime64[D], shape (n_rows,).

    Returns:
        1 or more; 1 where there is one category alone, or fewer than 4 days.

    References:
        Rao and Scott, "The analysis of categorical data from complex sample surveys", JASA 1981: the mean of the generalised
        design effects, by which a chi-square statistic is divided.
    """
    if not len(codes):
        return 1.0
    shares = np.bincount(codes) / len(codes)
    spread = 1 - float(shares @ shares)
    if spread <= 0:
        return 1.0
    blocks = _blocks(days)
    effects = [_of_codes(codes, shares, block) for block in blocks]
    # Indicators of many categories are nearly that many independent looks: their pooled spread varies less by chance.
    looks = spread**2 / float(shares @ shares - 2 * shares**2 @ shares + (shares @ shares) ** 2)
    return _largest(effects, [2 / ((int(block.max()) or 1) * looks) for block in blocks], families=1)


def _blocks(days: NDArray[np.datetime64]) -> list[Integers]:
    """Number each row's block, 0 to n_blocks - 1, for each length of blocks that gives enough of them."""
    since = days.astype("datetime64[D]").astype(np.int64)
    since = since - since.min()
    numbered: list[Integers] = []
    for length in BLOCK_DAYS:
        block = since // length
        numbers = np.cumsum(np.bincount(block) > 0) - 1  # blocks without a row have no number
        if numbers[-1] + 1 >= MIN_BLOCKS:
            numbered.append(numbers[block])
    return numbered


def _of_values(centred: Floats, block: Integers) -> float:
    """Spread of block means against that of independent rows: 1 on average where rows are independent."""
    within_all = float(centred @ centred) / (len(centred) - 1)
    if within_all <= 0:
        return 1.0
    sums, sizes = np.bincount(block, centred), np.bincount(block)
    return float(np.sum(sums**2 / sizes)) / (len(sizes) - 1) / within_all


def _of_codes(codes: Integers, shares: Floats, block: Integers) -> float:
    """Do the same for all indicators of a category at once, from the cells that have rows."""
    n_rows = len(codes)
    cells, rows = np.unique(block * len(shares) + codes, return_counts=True)
    sizes = np.bincount(block)
    between = float(np.sum(rows.astype(np.float64) ** 2 / sizes[cells // len(shares)])) - n_rows * float(shares @ shares)
    within_all = n_rows * (1 - float(shares @ shares)) / (n_rows - 1)
    return between / (len(sizes) - 1) / within_all


def _largest(effects: list[float], variances: list[float], *, families: int) -> float:
    """Return the largest effect, less what a largest is too large by when rows are independent.

    Args:
        effects: Per family, one for each length of blocks, the shortest first.
        variances: Of the estimate by chance, per length of blocks; 2 / (n_blocks - 1) for a single number.
        families: How many independent families `effects` holds.
    """
    if not effects:
        return 1.0
    short, long = variances[0], variances[-1]
    # What days hold between weeks is a part of what weeks hold, so their covariance is the variance by days.
    of_two = sqrt(max(long - short, 0) / (2 * pi))
    bias = of_two
    if families > 1:
        bias += sqrt(((short + long) / 2 - of_two**2) / pi)
    return max(1.0, max(effects) - bias)
