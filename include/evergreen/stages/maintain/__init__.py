"""Stage `maintain`: remove what nothing rests on any more, and write down first what that is."""

from evergreen.stages.maintain.removal import Removal, Removed
from evergreen.stages.maintain.stage import maintain

__all__ = ["Removal", "Removed", "maintain"]
