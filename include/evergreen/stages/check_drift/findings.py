"""Everything the check of drift looks at, on plain frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.observation import Finding, Severity
from evergreen.reference_profile import NumericProfile
from evergreen.stages.check_drift.effects import judge_movement, measure_movement, nothing_measured
from evergreen.stages.check_drift.shares import share_finding
from evergreen.statistics.benjamini_hochberg import benjamini_hochberg
from evergreen.statistics.column_profile import rows_by_weekday

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.definitions.monitoring import Monitoring
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.statistics.rows import Floats


def drift_findings(
    rows: pd.DataFrame, *, reference: ReferenceProfile, rules: Monitoring, labels: pd.DataFrame | None
) -> tuple[Finding, ...]:
    """Compare a window with the release's own reference.

    Args:
        rows: Rows of the window: `_day`, the features, `probability`, and `decision` where it is known.
        reference: The release's own reference.
        rules: The thresholds.
        labels: `_day` and `label` (0 or 1) of matured rows; None where there are none.

    Returns:
        One finding per feature that is not ignored, corrected together for their number; one for the probabilities, the share
        of answers and the share of labels each.
    """
    days = _days(rows)
    weekday_rows = rows_by_weekday(days) if rules.drift.reference == "same_weekdays" and len(rows) else None
    return (
        *_features(rows, reference, rules, weekday_rows),
        *_probabilities(rows, reference, rules, weekday_rows),
        *_answers(rows, days, reference, rules),
        _labels(labels, reference, rules),
    )


def _features(rows: pd.DataFrame, reference: ReferenceProfile, rules: Monitoring, weekday_rows: Floats | None) -> list[Finding]:
    profiles = {name: profile for name, profile in reference.features.items() if name not in rules.drift.ignore}
    movements = {
        name: measure_movement(rows[name], profile, weekday_rows) if name in rows else nothing_measured()
        for name, profile in profiles.items()
    }
    tested = [movement.p_value if movement.rows >= rules.min_rows else np.nan for movement in movements.values()]
    corrected = benjamini_hochberg(tested)
    return [
        judge_movement(
            "feature_drift",
            name,
            movements[name],
            limit=rules.drift.numeric_effect if isinstance(profile, NumericProfile) else rules.drift.categorical_effect,
            p_value=p_value,
            alpha=rules.drift.false_discovery_rate,
            min_rows=rules.min_rows,
        )
        for (name, profile), p_value in zip(profiles.items(), corrected, strict=True)
    ]


def _probabilities(
    rows: pd.DataFrame, reference: ReferenceProfile, rules: Monitoring, weekday_rows: Floats | None
) -> list[Finding]:
    if reference.probability is None:
        reason = "the release's reference holds no probabilities to compare with"
        return [Finding(check="prediction_drift", subject="probability", severity=Severity.UNKNOWN, reason=reason)]
    there = "probability" in rows
    movement = measure_movement(rows["probability"], reference.probability, weekday_rows) if there else nothing_measured()
    return [
        judge_movement(
            "prediction_drift",
            "probability",
            movement,
            limit=rules.drift.prediction_effect,
            p_value=movement.p_value,
            alpha=rules.drift.false_discovery_rate,
            min_rows=rules.min_rows,
        )
    ]


def _answers(rows: pd.DataFrame, days: object, reference: ReferenceProfile, rules: Monitoring) -> list[Finding]:
    """Warn of a change of the answers' share; the check of operations alarms, day by day."""
    if reference.answer_share is None or "decision" not in rows:
        return []
    answers = rows["decision"].astype(object).where(rows["decision"].notna(), np.nan).astype(np.float64)
    finding = share_finding(
        "answer_share",
        answers.to_numpy(),
        np.asarray(days),
        among="answers",
        expected=reference.answer_share,
        expected_days=reference.days,
        limit=rules.operations.max_positive_share_change,
        alpha=rules.drift.false_discovery_rate,
        min_rows=rules.min_rows,
        worst=Severity.WARNING,
    )
    return [finding]


def _labels(labels: pd.DataFrame | None, reference: ReferenceProfile, rules: Monitoring) -> Finding:
    if labels is None or not len(labels):
        reason = "no label of the days looked at has matured yet"
        return Finding(check="label_drift", subject="share of yes", severity=Severity.UNKNOWN, reason=reason)
    return share_finding(
        "label_drift",
        labels["label"].to_numpy(dtype=np.float64, na_value=np.nan),
        _days(labels),
        among="labels",
        expected=reference.positive_share,
        expected_days=reference.days,
        limit=rules.drift.label_effect,
        alpha=rules.drift.false_discovery_rate,
        min_rows=rules.min_rows,
    )


def _days(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return frame["_day"].to_numpy().astype("datetime64[D]")
