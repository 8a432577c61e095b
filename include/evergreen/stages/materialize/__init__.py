"""Stage `materialize`: publish what the gateway needs besides a request, so that it answers as the night would."""

from evergreen.stages.materialize.stage import materialize

__all__ = ["materialize"]
