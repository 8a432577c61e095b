"""Stage `retrain`: one decision a night, with its reasons, also when there is nothing to do."""

from evergreen.stages.retrain.decide_night import decide_night
from evergreen.stages.retrain.stage import decide

__all__ = ["decide", "decide_night"]
