"""Stage `evaluate`: challenger, champion and baseline answer the same rows, which none of them has seen."""

from evergreen.stages.evaluate.recompute import recompute_statistics
from evergreen.stages.evaluate.stage import evaluate

__all__ = ["evaluate", "recompute_statistics"]
