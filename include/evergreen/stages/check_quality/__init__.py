"""Stage check_quality: faults of the data, day by day; they come suddenly and have nothing to do with the world."""

from evergreen.stages.check_quality.findings import quality_findings
from evergreen.stages.check_quality.stage import check_quality

__all__ = ["check_quality", "quality_findings"]
