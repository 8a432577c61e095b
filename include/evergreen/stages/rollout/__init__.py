"""Stage `rollout`: a challenger on trial. A step begins, its answers are looked at, and it passes or is taken back."""

from evergreen.stages.rollout.decision import decide
from evergreen.stages.rollout.kept import kept_trials, replay
from evergreen.stages.rollout.stage import begin_step, conclude, look

__all__ = ["begin_step", "conclude", "decide", "kept_trials", "look", "replay"]
