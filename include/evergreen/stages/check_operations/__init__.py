"""Stage check_operations: how the machinery itself is doing."""

from evergreen.stages.check_operations.findings import operations_findings
from evergreen.stages.check_operations.parity import Difference, Parity, recompute_served
from evergreen.stages.check_operations.stage import check_operations

__all__ = ["Difference", "Parity", "check_operations", "operations_findings", "recompute_served"]
