"""Evidently's own pages, drawn from a bounded sample. Verdicts come from all rows and stand on the night's own page."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL, ANSWER, PROBABILITY = "label", "decision", "probability"
SUFFIX = ".evidently.html"
"""Ending of a page that needs scripts; it is served apart from all others, in a sandbox."""
_FEWEST_VALUES = 10


@dataclass(frozen=True)
class DrawnReport:
    """A drawn page, and what could not be on it."""

    page: bytes | None
    """None where no column could be drawn."""
    left_out: dict[str, str]
    """Per column why it is not drawn."""


def draw_evidently(
    current: pd.DataFrame,
    reference_sample: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    numeric_limit: float = 0.1,
    categorical_limit: float = 0.1,
) -> DrawnReport:
    """Draw the drift of every column and the values that are missing.

    Evidently's presets would draw the same and more, but compute each column's drift three times over, and a night would wait.
    Columns that would stop Evidently, or tell nothing, are left out: missing, empty or constant on a side.

    Args:
        current: Rows of the window, a sample of them.
        reference_sample: Rows of the reference, each column drawn on its own.
        numeric: Numeric columns wanted.
        categorical: Categorical ones.
        numeric_limit: Normed Wasserstein distance that Evidently calls drift.
        categorical_limit: Jensen-Shannon distance likewise.

    Returns:
        One HTML page that loads nothing from anywhere, about 4 MB, and runs scripts.
    """
    wanted = {name: _reason_to_leave_out(name, current, reference_sample) for name in (*numeric, *categorical)}
    left_out = {name: reason for name, reason in wanted.items() if reason}
    numbers = [name for name in numeric if not wanted[name]]
    categories = [name for name in categorical if not wanted[name]]
    if not numbers and not categories:
        return DrawnReport(None, left_out)
    sides = [_prepared(frame, numbers, categories) for frame in (current, reference_sample)]
    with _quiet_evidently():
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import DatasetMissingValueCount, ValueDrift

        definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
        now, before = (Dataset.from_pandas(side, data_definition=definition) for side in sides)
        drift = [
            *(ValueDrift(column=name, method="wasserstein", threshold=numeric_limit) for name in numbers),
            *(ValueDrift(column=name, method="jensenshannon", threshold=categorical_limit) for name in categories),
        ]
        page = Report([DatasetMissingValueCount(), *drift]).run(now, before).get_html_str(as_iframe=False)
    return DrawnReport(page.encode(), left_out)


def draw_classification(current: pd.DataFrame) -> bytes | None:
    """Draw Evidently's quality of the answers.

    Args:
        current: A sample of matured rows with `label` (NaN while unknown), `decision` and `probability`.

    Returns:
        One HTML page, or None without both answers among the labels.
    """
    if not {LABEL, ANSWER, PROBABILITY} <= set(current):
        return None
    known = current[[LABEL, ANSWER, PROBABILITY]].dropna()
    if known[LABEL].nunique() < 2 or len(known) < _FEWEST_VALUES:
        return None
    known = known.astype({LABEL: np.int64, ANSWER: np.int64, PROBABILITY: np.float64})
    with _quiet_evidently():
        from evidently import BinaryClassification, DataDefinition, Dataset, Report
        from evidently.presets import ClassificationPreset

        columns = BinaryClassification(target=LABEL, prediction_labels=ANSWER, prediction_probas=PROBABILITY)
        definition = DataDefinition(
            numerical_columns=[PROBABILITY], categorical_columns=[LABEL, ANSWER], classification=[columns]
        )
        snapshot = Report([ClassificationPreset()]).run(Dataset.from_pandas(known, data_definition=definition), None)
        return bytes(snapshot.get_html_str(as_iframe=False).encode())


class _quiet_evidently(warnings.catch_warnings):
    """Keep Evidently from telling its makers that it was used, and its libraries from warning about each other."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        os.environ["DO_NOT_TRACK"] = "1"  # read when Evidently is imported
        warnings.simplefilter("ignore")
        return entered


def _reason_to_leave_out(name: str, current: pd.DataFrame, reference: pd.DataFrame) -> str:
    for side, frame in (("the window", current), ("the reference", reference)):
        if name not in frame:
            return f"missing from {side}"
        values = frame[name].replace([np.inf, -np.inf], np.nan).dropna() if len(frame) else frame[name]
        if len(values) < _FEWEST_VALUES:
            return f"has {len(values)} values in {side}"
        if values.astype(object).nunique() < 2:
            return f"constant in {side}"
    return ""


def _prepared(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str]) -> pd.DataFrame:
    """Give Evidently the types it expects: numbers as float64, categories as text."""
    columns: dict[str, pd.Series] = {
        name: pd.to_numeric(frame[name], errors="coerce").astype(np.float64).replace([np.inf, -np.inf], np.nan)
        for name in numeric
    }
    for name in categorical:
        values = frame[name].astype(object)
        columns[name] = values.map(str, na_action="ignore")
    return pd.DataFrame(columns).reset_index(drop=True)
