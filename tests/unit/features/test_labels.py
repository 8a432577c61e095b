import pytest

from evergreen.definitions.data import Label
from evergreen.errors import FeatureError
from evergreen.features.labels import labels_of


@pytest.fixture
def purchases(table):
    spent = [10.0, 10.1, None, float("nan")]
    return table(
        "purchases", [{"visit": f"v{n}", "shop": "a", "at": n, "known_at": n + 1, "spent": x} for n, x in enumerate(spent)]
    )


def with_rule(definition, **rule):
    label = Label(table="purchases", **rule)
    return definition.model_copy(update={"data": definition.data.model_copy(update={"label": label})})


def test_above_means_greater_and_missing_is_no_label(definition, purchases):
    labels = labels_of(definition, purchases)
    assert labels.column("_key").to_pylist() == ["v0", "v1"]
    assert labels.column("_label").to_pylist() == [0.0, 1.0]
    assert labels.column("_label_available_at").to_pylist() == purchases.column("known_at").to_pylist()[:2]


def test_equals_compares_with_the_columns_own_type(definition, purchases):
    assert labels_of(with_rule(definition, column="shop", equals="a"), purchases).column("_label").to_pylist() == [1.0] * 4
    assert labels_of(with_rule(definition, column="spent", equals=10), purchases).column("_label").to_pylist() == [1.0, 0.0]


@pytest.mark.parametrize("rule", [{"column": "shop", "above": 3.0}, {"column": "spent", "equals": "yes"}])
def test_a_rule_that_does_not_fit_its_column_is_refused(definition, purchases, rule):
    with pytest.raises(FeatureError, match="the label rule does not fit"):
        labels_of(with_rule(definition, **rule), purchases)
