"""The label rule: from the label table's rows to yes or no, with the moment the answer was known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import FeatureError
from evergreen.features.keys import key_text

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition


def labels_of(definition: ModelDefinition, rows: pa.Table) -> pa.Table:
    """Apply the label rule; a row whose label column is missing has no label.

    Args:
        definition: Holds the rule.
        rows: Rows of the label table as `tables.rows` reads them.

    Returns:
        Table of `_key` (string), `_label` (`float64`, 0 or 1) and `_label_available_at`, sorted by key.

    Raises:
        FeatureError: The rule does not fit the column's type.
    """
    label = definition.data.label
    values = rows.column(label.column)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    try:
        if label.above is not None:
            answer = pc.greater(values, pa.scalar(label.above))
        else:
            answer = pc.equal(values, pa.scalar(label.equals).cast(values.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FeatureError(
            "the label rule does not fit its column",
            found=f"{label.table}.{label.column} is {values.type}; the rule is {label.model_dump(exclude_none=True)}",
            allowed="`above` for numbers, `equals` with a value of the column's own type",
            remedy="correct data.label in model.yaml",
        ) from error
    labels = pa.table(
        {
            "_key": key_text(rows, definition.data.tables[label.table].key),
            "_label": answer.cast(pa.float64()),
            "_label_available_at": rows.column("_available_at").cast(pa.timestamp("us", "UTC")),
        }
    )
    return labels.filter(pc.is_valid(labels.column("_label"))).sort_by("_key")
