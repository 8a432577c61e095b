"""Online inputs as `materialize` makes them, from tables in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.features.history import History, own_columns
from evergreen.features.inputs import release_key
from evergreen.features.online_tables import entity_tables, joined_tables
from evergreen.features.online_windows import LOOK_BACK
from evergreen.online_inputs import OnlineInputs
from evergreen.tables.contract import contract_of

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.features.code import FeatureCode


def as_of(definition: ModelDefinition, tables: dict[str, pa.Table], night: datetime) -> dict[str, pa.Table]:
    """The rows that a run of a night could have read."""
    day = pa.scalar(definition.schedule.day_of(night), pa.date32())
    moment = pa.scalar(night, pa.timestamp("us", "UTC"))

    def readable(rows: pa.Table) -> pa.Table:
        known = pc.less_equal(rows.column("_available_at").cast(moment.type), moment)
        return rows.filter(pc.and_(known, pc.less_equal(rows.column("_day"), day)))

    dated = {name for name, table in definition.data.tables.items() if not table.is_reference}
    return {name: readable(rows) if name in dated else rows for name, rows in tables.items()}


def inputs_of(definition: ModelDefinition, code: FeatureCode, tables: dict[str, pa.Table], night: datetime) -> OnlineInputs:
    """What a night publishes of the tables it could read."""
    known = as_of(definition, tables, night)
    history = History(definition, known if code.has_entities else {})
    return OnlineInputs(
        as_of=night,
        features_key=release_key(FeatureLayout.of(definition), code.digest),
        digest="d" * 32,
        row_types=dict(contract_of(own_columns(tables[definition.data.rows]).schema)),
        entities=entity_tables(code.entity_features(history.at(night), night)),
        joined=joined_tables(definition, known, night - LOOK_BACK),
    )
