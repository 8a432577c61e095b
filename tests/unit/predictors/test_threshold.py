import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.definitions.training import Costs
from evergreen.predictors.threshold import decision_threshold


def test_equal_costs_say_yes_from_one_half():
    assert decision_threshold(Costs()) == 0.5


def test_a_costly_miss_lowers_the_threshold():
    assert decision_threshold(Costs(false_positive=1, false_negative=3)) == 0.25


amount = st.floats(0.01, 100)


@given(amount, amount, st.floats(-5, 0), st.floats(-5, 0))
def test_no_other_threshold_costs_less(false_positive, false_negative, true_positive, true_negative):
    costs = Costs(
        false_positive=false_positive, false_negative=false_negative, true_positive=true_positive, true_negative=true_negative
    )
    threshold = decision_threshold(costs)
    assert 0 < threshold <= 1
    for probability in np.linspace(0, 1, 41):
        yes = probability * costs.true_positive + (1 - probability) * costs.false_positive
        no = probability * costs.false_negative + (1 - probability) * costs.true_negative
        if abs(probability - threshold) > 1e-9 and yes != pytest.approx(no, rel=1e-9):
            assert (yes < no) == (probability >= threshold)
