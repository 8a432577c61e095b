"""Stage check_drift: distributions that move away from the release's own reference. Drift alone starts no training."""

from evergreen.stages.check_drift.findings import drift_findings

__all__ = ["drift_findings"]
