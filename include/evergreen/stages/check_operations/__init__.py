"""Stage check_operations: how the machinery itself is doing."""

from evergreen.stages.check_operations.findings import operations_findings
from evergreen.stages.check_operations.stage import check_operations

__all__ = ["check_operations", "operations_findings"]
