"""Stage `collect`: what the champion said, joined with what came true by the as-of."""

from evergreen.stages.collect.stage import collect

__all__ = ["collect"]
