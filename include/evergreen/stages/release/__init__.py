"""Stage release: the tested version becomes the champion; and what a person does by hand: promote, roll back, pause."""

from evergreen.stages.release.by_hand import pause_rollout, promote, rollback
from evergreen.stages.release.stage import release

__all__ = ["pause_rollout", "promote", "release", "rollback"]
