"""Stage release: the tested version becomes the champion; what a person does by hand; and the way back that a night decides."""

from evergreen.stages.release.by_hand import pause_rollout, promote, rollback
from evergreen.stages.release.of_a_night import take_back
from evergreen.stages.release.stage import release

__all__ = ["pause_rollout", "promote", "release", "rollback", "take_back"]
