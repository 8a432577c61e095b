"""Stage `check_performance`: how good the champion's answers were, on days whose labels have arrived."""

from evergreen.stages.check_performance.findings import performance_findings
from evergreen.stages.check_performance.stage import check_performance

__all__ = ["check_performance", "performance_findings"]
