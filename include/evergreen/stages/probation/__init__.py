"""Stage `probation`: a new champion beside the release that it replaced, on what came true since."""

from evergreen.stages.probation.looks import Look, due_look
from evergreen.stages.probation.stage import compare, not_compared

__all__ = ["Look", "compare", "due_look", "not_compared"]
