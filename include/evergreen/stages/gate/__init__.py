"""Stage `gate`: promote, keep or inconclusive, decided from a stored measurement alone."""

from evergreen.stages.gate.decide import decide, replay
from evergreen.stages.gate.record import read_ruling
from evergreen.stages.gate.stage import gate

__all__ = ["decide", "gate", "read_ruling", "replay"]
