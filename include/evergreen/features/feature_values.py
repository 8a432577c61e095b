"""Features of a few rows as plain values, of the kinds that a bundle was trained on."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from evergreen.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Values = list[float | str | None]


def values_of_table(features: pa.Table, kinds: Mapping[str, str]) -> dict[str, Values]:
    """Return checked features, as `returned.to_columns` gives them, in the order of `kinds`.

    Args:
        features: n_rows rows of `float64`, `string` or `null`.
        kinds: Wanted features: `double` or `string`; others are left out.

    Returns:
        Floats with NaN for missing, or text and None; n_rows values each.

    Raises:
        FeatureError: A feature is not there, or is of the other kind.
    """
    _require(features.column_names, kinds)
    found: dict[str, Values] = {}
    for name, kind in kinds.items():
        values, is_text = features.column(name).to_pylist(), pa.types.is_string(features.schema.field(name).type)
        if not pa.types.is_null(features.schema.field(name).type) and is_text != (kind == "string"):
            _refuse_kind(name, kind)
        found[name] = values if kind == "string" else [nan if value is None else value for value in values]
    return found


def _require(found: Mapping[str, object] | Sequence[str], kinds: Mapping[str, str]) -> None:
    missing = [name for name in kinds if name not in found]
    if missing:
        raise FeatureError(
            "`row_features` did not return every feature of the bundle",
            found=f"no {', '.join(missing[:10])} among {', '.join(list(found)[:60])}",
            allowed="the features that the model was trained with",
            remedy="return the same columns for any rows, also for a single one, and train again",
        )


def _refuse_kind(name: str, kind: str) -> NoReturn:
    words = ("a number", "text")
    found, allowed = words if kind == "string" else words[::-1]
    raise FeatureError(
        f"feature {name!r} is {found} here and was {allowed} in training",
        found=found,
        allowed=allowed,
        remedy="cast the column in `row_features`, so that a single row has the same kind, and train again",
    )
