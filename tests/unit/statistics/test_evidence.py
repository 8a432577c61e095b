"""Evidence against limits: a fair game at the limit, decisive beyond it, and blind to the order of draws."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.statistics.bet_mixture import log_wealth
from evergreen.statistics.mean_beyond import mean_beyond
from evergreen.statistics.rank_agreement import GROUP, agreement_below, count_pairs
from evergreen.statistics.share_above import share_above

BEYOND_DOUBT = math.log(500)


def of_draws(draws, limit):
    return share_above(draws, np.ones(len(draws)), limit)


class TestShareAbove:
    @pytest.mark.parametrize("limit", [0.005, 0.2, 0.4, 0.97])
    @pytest.mark.parametrize("n_draws", [1, 4, 9])
    def test_at_the_limit_its_expectation_is_one(self, limit, n_draws):
        """Summed over everything that can happen, each with its chance."""
        expected = 0.0
        for draws in product((0.0, 1.0), repeat=n_draws):
            chance = math.prod(limit if draw else 1 - limit for draw in draws)
            expected += chance * math.exp(of_draws(draws, limit))
        assert expected == pytest.approx(1)

    def test_below_the_limit_it_is_less(self):
        expected = sum(
            math.prod(0.1 if draw else 0.9 for draw in draws) * math.exp(of_draws(draws, 0.2))
            for draws in product((0.0, 1.0), repeat=6)
        )
        assert expected < 0.8

    @pytest.mark.parametrize(
        ("faults", "of", "beyond"),
        [(2, 2, True), (1, 1, False), (1, 40, False), (5, 40, True), (5, 1000, False), (14, 400, True)],
    )
    def test_what_is_beyond_doubt_against_half_a_per_cent(self, faults, of, beyond):
        assert (share_above([1, 0], [faults, of - faults], 0.005) >= BEYOND_DOUBT) is beyond

    @given(st.lists(st.floats(0, 1), max_size=40), st.floats(0.001, 0.999), st.randoms())
    def test_the_order_of_draws_does_not_matter(self, draws, limit, random):
        shuffled = random.sample(draws, len(draws))
        assert of_draws(shuffled, limit) == pytest.approx(of_draws(draws, limit), abs=1e-9)

    @given(st.lists(st.floats(0, 1), max_size=40), st.floats(0.001, 0.99))
    def test_a_higher_draw_is_never_less_evidence(self, draws, limit):
        assert of_draws([*draws, 1.0], limit) >= of_draws([*draws, 0.0], limit)

    def test_without_draws_there_is_none(self):
        assert share_above([], [], 0.1) == 0
        assert share_above([1, 0], [0, 0], 0.1) == 0


class TestMeanBeyond:
    @pytest.mark.parametrize("mean", [0.2, -0.2])
    def test_at_the_limit_its_expectation_is_at_most_one(self, mean):
        high = (1 + mean) / 2
        expected = sum(
            math.prod(high if draw > 0 else 1 - high for draw in draws) * math.exp(mean_beyond(draws, draws, np.ones(5), 0.2))
            for draws in product((-1.0, 1.0), repeat=5)
        )
        assert 0.5 < expected <= 1 + 1e-12

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_it_sees_a_shift_either_way_and_tolerates_what_is_allowed(self, sign):
        differences = sign * np.random.default_rng(1).normal(0.3, 0.1, 300)
        ones = np.ones(300)
        assert mean_beyond(differences, differences, ones, 0.2) >= BEYOND_DOUBT
        assert mean_beyond(differences, differences, ones, 0.35) < 0

    @given(st.lists(st.integers(-1000, 999), min_size=1, max_size=60))
    def test_bins_make_it_only_more_cautious(self, places):
        low = np.array(places) / 1000
        ones = np.ones(len(places))
        exact = mean_beyond(low + 0.0005, low + 0.0005, ones, 0.1)
        assert mean_beyond(low, low + 0.001, ones, 0.1) <= exact + 1e-9

    def test_the_largest_differences_are_no_trouble(self):
        assert math.isfinite(mean_beyond([-1.0, 1.0], [-1.0, 1.0], [500, 500], 0.0))


class TestRankAgreement:
    def test_pairs_are_counted_within_groups_of_six(self):
        up = np.arange(16.0)
        assert count_pairs(up, up).tolist() == [[15, 0], [15, 0]]
        assert count_pairs(up, -up).tolist() == [[0, 15], [0, 15]]
        assert count_pairs(up[:5], up[:5]).shape == (0, 2)

    def test_ties_of_either_are_neither(self):
        up = np.arange(6.0)
        halves = np.repeat([0.0, 1.0], 3)
        assert count_pairs(up, halves).tolist() == count_pairs(halves, up).tolist() == [[9, 0]]
        assert count_pairs(up, np.ones(6)).tolist() == [[0, 0]]

    def test_it_is_kendalls_tau_within_a_group(self):
        from scipy.stats import kendalltau

        one, other = np.random.default_rng(3).random((2, GROUP))
        ((same, opposite),) = count_pairs(one, other)
        assert (same - opposite) / 15 == pytest.approx(kendalltau(one, other).statistic)

    def test_a_constant_model_is_no_evidence(self):
        pairs = count_pairs(np.arange(1000.0), np.ones(1000))
        assert agreement_below(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), 0.1) == 0

    @pytest.mark.parametrize(("correlation", "beyond"), [(0.0, True), (0.9, False), (-0.5, True), (0.4, False)])
    def test_it_sees_that_an_order_is_lost(self, correlation, beyond):
        rng = np.random.default_rng(5)
        one, own = rng.standard_normal((2, 4000))
        pairs = count_pairs(one, correlation * one + math.sqrt(1 - correlation**2) * own)
        assert (agreement_below(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), 0.1) >= BEYOND_DOUBT) is beyond

    def test_at_the_limit_its_expectation_is_about_one(self):
        """Kendall's tau of a normal pair is 2/π times the arc sine of their correlation."""
        limit, rng = 0.1, np.random.default_rng(7)
        correlation = math.sin(math.pi / 2 * limit)
        one, own = rng.standard_normal((2, 400_000))
        pairs = count_pairs(one, correlation * one + math.sqrt(1 - correlation**2) * own)
        wealth = [math.exp(agreement_below([same], [opposite], [1], limit)) for same, opposite in pairs]
        assert np.mean(wealth) == pytest.approx(1, abs=4 * np.std(wealth) / math.sqrt(len(wealth)))


@given(
    st.lists(st.tuples(st.floats(-0.9, 5), st.integers(0, 1000)), min_size=1, max_size=10),
    st.lists(st.floats(0.01, 1), min_size=1, max_size=5),
)
def test_wealth_is_the_mean_of_what_each_stake_has_made(outcomes, stakes):
    gains, counts = (np.array(each, dtype=float) for each in zip(*outcomes, strict=True))
    logs = np.array([np.sum(counts * np.log1p(stake * gains)) for stake in stakes])
    found = log_wealth(gains, counts, stakes)
    assert math.isfinite(found)
    assert logs.max() - math.log(len(stakes)) - 1e-6 <= found <= logs.max() + 1e-6
