from datetime import date

import numpy as np
import pandas as pd
import pytest

from evergreen.definitions.validation import Novelty as NoveltyRules
from evergreen.stages.validate.novelty import Seen, find_novelties

DAY = date(2013, 1, 20)
RULES = NoveltyRules(range_margin=0.1, max_categories=3)


def seen() -> Seen:
    return Seen(days=20, ranges={"price": (10.0, 20.0)}, categories={"shop": {"north", "south"}})


def find(price: list[float], shop: list[str | None], known: Seen | None = None):
    frame = pd.DataFrame({"price": price, "shop": pd.array(shop, dtype=object)})
    return find_novelties(frame, DAY, known or seen(), RULES, numbers=["price"], texts=["shop"])


@pytest.mark.parametrize(
    ("value", "new"), [(21.0, 0), (21.001, 1), (9.0, 0), (8.999, 1), (np.nan, 0), (np.inf, 1), (-np.inf, 1)]
)
def test_a_number_is_new_beyond_the_margin(value: float, new: int) -> None:
    assert len(find([value, 15.0], ["north", "south"])) == new


def test_a_number_is_named_with_the_range_seen() -> None:
    [found] = find([50.0, 60.0, 15.0], ["north"] * 3)
    assert (found.novelty.bounds, found.novelty.rows, found.novelty.seen) == (("50", "60"), 2, "10 to 20")
    assert found.failing.tolist() == [True, True, False]


def test_a_category_is_named_with_its_count_and_missing_is_none() -> None:
    [found] = find([15.0] * 4, ["moon", "moon", None, "north"])
    assert found.novelty.values == {"moon": 2}
    assert found.failing.tolist() == [True, True, False, False]


@pytest.mark.parametrize(("known", "new"), [(3, 1), (4, 0)])
def test_too_many_categories_are_not_watched(known: int, new: int) -> None:
    many = Seen(days=20, categories={"shop": {f"s{n}" for n in range(known)}})
    assert len(find([15.0], ["moon"], many)) == new


def test_a_column_never_seen_is_no_news() -> None:
    assert find([99.0], ["moon"], Seen(days=20)) == []
