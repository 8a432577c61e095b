"""From `row_features` to a program: recorded twice on a frame without rows, kept only if nothing was left to pandas."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.errors import FeatureError
from evergreen.features.few_rows.clocks import depends_on_more
from evergreen.features.few_rows.columns import kind_of_field
from evergreen.features.few_rows.kinds import NotForFewRows, refuse
from evergreen.features.few_rows.plan import Plan
from evergreen.features.few_rows.program import assemble
from evergreen.features.few_rows.recording import RecordedFrame
from evergreen.features.online_tables import entity_frames

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow as pa

    from evergreen.features.code import FeatureCode
    from evergreen.features.few_rows.kinds import Kind
    from evergreen.features.few_rows.plan import Column
    from evergreen.features.few_rows.program import RowProgram

logger = logging.getLogger(__name__)


def compile_row_features(
    code: FeatureCode,
    row_types: Mapping[str, str],
    entities: Mapping[str, pa.Table],
    *,
    identifiers: Collection[str] | None = None,
    categorical: Collection[str] = (),
) -> RowProgram | None:
    """Turn `row_features` into a program for a few rows, where it is made of Narwhals expressions that are known here.

    Args:
        code: The user's feature code.
        row_types: string, integer, number, boolean or timestamp of every column of the frame that `row_features` is given, in
            its order: the rows' own, the joined ones, `_event_time` and `_prediction_time`.
        entities: What `entity_features` returned for the night, with the metadata that pandas gives to Arrow.
        identifiers: Columns whose integers name things (`features.history.identifier_columns`). Without them no integer
            is treated as a number.
        categorical: Numeric features that are categories.

    Returns:
        The program, or None where features need pandas: the code is free pandas code, looks at values, uses an operation
        that is not known here, or depends on more than its arguments.
    """
    try:
        return _compiled(code, row_types, entities, identifiers, categorical)
    except (NotForFewRows, FeatureError) as reason:
        root = reason.__cause__ or reason
        logger.info("few rows of %s are computed by pandas as well: %s", code.filename, str(root).splitlines()[0])
        return None


def _compiled(
    code: FeatureCode,
    row_types: Mapping[str, str],
    entities: Mapping[str, pa.Table],
    identifiers: Collection[str] | None,
    categorical: Collection[str],
) -> RowProgram:
    if depends_on_more(code.source):
        raise refuse("the code names the clock, chance or the environment")
    kinds = {name: kind_of_field(name, kind, identifiers) for name, kind in row_types.items()}
    plan, features = _recorded(code, kinds, entities)
    again, _ = _recorded(code, kinds, entities)
    if plan.trace != again.trace:
        raise refuse("the code does not do the same twice")
    absent = sorted(set(categorical) - set(features))
    if absent:
        raise refuse(f"no feature {absent[0]!r}")
    return assemble(plan, features, categorical=categorical)


def _recorded(
    code: FeatureCode, kinds: Mapping[str, Kind], entities: Mapping[str, pa.Table]
) -> tuple[Plan, Mapping[str, Column]]:
    plan = Plan()
    rows = RecordedFrame(plan, {name: plan.input(name, kind) for name, kind in kinds.items()})
    returned = code.record_row_features(rows, entity_frames(entities))
    if plan.refusals:
        raise refuse(plan.refusals[0])
    if not isinstance(returned, RecordedFrame):
        raise refuse("the code returned a frame of its own making")
    names: list[object] = list(returned.recorded)
    if not names or not all(isinstance(name, str) and name and not name.startswith("_") for name in names):
        raise refuse("a feature has no usable name")
    return plan, returned.recorded
