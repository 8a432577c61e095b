"""Stage `retrain`: one decision a night, with its reasons, also when there is nothing to do."""

from evergreen.stages.retrain.decide_night import Compared, decide_night
from evergreen.stages.retrain.replay import replay
from evergreen.stages.retrain.stage import decide

__all__ = ["Compared", "decide", "decide_night", "replay"]
