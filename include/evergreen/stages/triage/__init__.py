"""Stage `triage`: why the night looks as it does, and whether the question of the probe is worth asking."""

from evergreen.stages.triage.diagnose import diagnose
from evergreen.stages.triage.stage import triage

__all__ = ["diagnose", "triage"]
