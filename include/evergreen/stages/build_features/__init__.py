"""Stage `build_features`: from validated rows to features by day, with the labels that have matured."""

from evergreen.stages.build_features.stage import build_features

__all__ = ["build_features"]
