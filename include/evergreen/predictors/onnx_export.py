"""A booster as ONNX: one TreeEnsembleRegressor that answers log-odds, the same bytes for the same booster.

Read from XGBoost's own JSON, so every threshold stays the float32 it is; a text dump would round it. A split on a set of
categories becomes a chain of equality tests that share one child.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_OPSET_ML = 3
_IR_VERSION = 8
"""Old on purpose: read by every ONNX Runtime of the last years."""


@dataclass
class _Nodes:
    """Attributes of the ensemble, one entry a node, in the order ONNX wants them."""

    treeids: list[int] = field(default_factory=list)
    nodeids: list[int] = field(default_factory=list)
    featureids: list[int] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    truenodeids: list[int] = field(default_factory=list)
    falsenodeids: list[int] = field(default_factory=list)
    missing_value_tracks_true: list[int] = field(default_factory=list)

    def add(self, tree: int, node: int, mode: str, feature: int, value: float, yes: int, no: int, missing_yes: bool) -> None:
        """Append one node."""
        self.treeids.append(tree)
        self.nodeids.append(node)
        self.modes.append(mode)
        self.featureids.append(feature)
        self.values.append(value)
        self.truenodeids.append(yes)
        self.falsenodeids.append(no)
        self.missing_value_tracks_true.append(int(missing_yes))


def export_onnx(booster: Any) -> bytes:
    """Return the ONNX model of a binary booster.

    Its input `features` is float32 of shape (n_rows, n_columns), its output `score` float32 of shape (n_rows, 1).

    Args:
        booster: `xgboost.Booster` with objective binary:logistic.
    """
    from onnx import TensorProto, helper

    learner = json.loads(booster.save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    nodes, leaves = _Nodes(), _Nodes()
    for number, tree in enumerate(trees):
        _add_tree(number, tree, nodes, leaves)
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        base_values=[_base_log_odds(learner)],
        target_treeids=leaves.treeids,
        target_nodeids=leaves.nodeids,
        target_ids=[0] * len(leaves.nodeids),
        target_weights=leaves.values,
        **{f"nodes_{name}": value for name, value in vars(nodes).items()},
    )
    graph = helper.make_graph(
        [ensemble],
        "booster",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n_rows", int(booster.num_features())])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n_rows", 1])],
    )
    opsets = [helper.make_opsetid("ai.onnx.ml", _OPSET_ML)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    # No producer, version or doc string: they would change the bytes and say nothing about the model.
    return bytes(model.SerializeToString(deterministic=True))


def _add_tree(number: int, tree: dict[str, Any], nodes: _Nodes, leaves: _Nodes) -> None:
    left, right, defaults = tree["left_children"], tree["right_children"], tree["default_left"]
    features, conditions = tree["split_indices"], tree["split_conditions"]
    sets = _category_sets(tree)
    next_id = len(left)
    for node in range(len(left)):
        if left[node] == -1:
            nodes.add(number, node, "LEAF", 0, 0.0, 0, 0, missing_yes=False)
            leaves.add(number, node, "LEAF", 0, conditions[node], 0, 0, missing_yes=False)
            continue
        feature, missing_left = features[node], bool(defaults[node])
        if node not in sets:
            nodes.add(number, node, "BRANCH_LT", feature, conditions[node], left[node], right[node], missing_left)
            continue
        # XGBoost sends the named categories right and all others left; missing goes by default.
        current = node
        for position, code in enumerate(sets[node]):
            last = position == len(sets[node]) - 1
            following = left[node] if last else next_id
            nodes.add(number, current, "BRANCH_EQ", feature, float(code), right[node], following, not missing_left)
            if not last:
                current, next_id = next_id, next_id + 1


def _category_sets(tree: dict[str, Any]) -> dict[int, list[int]]:
    """Return the categories that go right, by node."""
    segments = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    return {node: tree["categories"][start : start + size] for node, start, size in segments}


def _base_log_odds(learner: dict[str, Any]) -> float:
    """Return the booster's starting score; XGBoost keeps it as a probability, a number or a list of one."""
    stored = json.loads(learner["learner_model_param"]["base_score"])
    probability = np.float32(stored[0] if isinstance(stored, list) else stored)
    return float(-np.log(np.float32(1.0) / probability - np.float32(1.0)))
