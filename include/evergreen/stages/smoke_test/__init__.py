"""Stage smoke_test: does a fresh process answer with this release as the judged model did?"""

from evergreen.stages.smoke_test.stage import smoke_test

__all__ = ["smoke_test"]
