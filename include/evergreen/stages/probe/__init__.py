"""Stage `probe`: would a quick refit have beaten the champion on the newest matured rows?"""

from evergreen.stages.probe.improvement import probe_improvement
from evergreen.stages.probe.refit import choose_recipe
from evergreen.stages.probe.stage import probe

__all__ = ["choose_recipe", "probe", "probe_improvement"]
