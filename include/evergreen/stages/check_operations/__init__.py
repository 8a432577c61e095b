"""Stage check_operations: how the machinery itself is doing."""

from evergreen.stages.check_operations.findings import operations_findings

__all__ = ["operations_findings"]
