"""Validate: nothing is learned from rows that are not what the definition says they are."""

from evergreen.stages.validate.catalog import check_expectations
from evergreen.stages.validate.stage import validate

__all__ = ["check_expectations", "validate"]
