"""One metric of some judged rows, with bounds from whole days. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.statistics.measures import measure_by_cluster
from evergreen.statistics.paired_cluster_bootstrap import Interval, paired_cluster_bootstrap

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.definitions.gate import MetricName
    from evergreen.definitions.monitoring import Performance
    from evergreen.definitions.training import Costs


@dataclass(frozen=True)
class Terms:
    """What is measured by."""

    rules: Performance
    threshold: float
    """Probability from which the champion says yes."""
    costs: Costs

    def measure(self, metric: MetricName, rows: pd.DataFrame) -> Interval:
        """Return a metric of labelled rows with one-sided bounds; NaN where it cannot be told.

        Args:
            metric: Its name.
            rows: `label`, `probability` and `day_number`, at least one row.
        """
        days, clusters = np.unique(rows["day_number"].to_numpy(), return_inverse=True)
        statistic = measure_by_cluster(
            metric,
            rows["label"].to_numpy(np.float64),
            rows["probability"].to_numpy(np.float64),
            clusters.astype(np.int64),
            threshold=self.threshold,
            costs=self.costs,
        )
        return paired_cluster_bootstrap(
            statistic, len(days), confidence=self.rules.confidence, resamples=self.rules.resamples, seed=self.rules.seed
        )

    def shortage(self, rows: pd.DataFrame) -> str:
        """Say what is missing to judge on some rows; empty when there is enough."""
        rules, positives = self.rules, int(rows["label"].sum())
        counts = (
            (len(rows), rules.min_rows, "outcomes"),
            (rows["day_number"].nunique(), rules.min_days, "days"),
            (positives, rules.min_positives, "outcomes that came true"),
            (len(rows) - positives, rules.min_positives, "outcomes that did not"),
        )
        return " and ".join(f"{found:,} {what}, at least {least:,} needed" for found, least, what in counts if found < least)
