"""Stage check_drift: distributions that move away from the release's own reference. Drift alone starts no training."""

from evergreen.stages.check_drift.findings import drift_findings
from evergreen.stages.check_drift.stage import check_drift

__all__ = ["check_drift", "drift_findings"]
