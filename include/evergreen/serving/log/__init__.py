"""The log of answers: a durable spool on this machine, shipped from there to the table `served`, exactly once.

A worker opens one `AnswerSpool`, asks it for the log of each model, announces each release before its first answer, and writes
the answers of a batch before it sends them. `shipping.ship_spool` carries what is there into the table.
"""

from evergreen.serving.log.record import AnsweringRelease, AnswerRecord
from evergreen.serving.log.spool import AnswerSpool, SpoolState
from evergreen.tables.served_roles import CANARY, CHAMPION, FAILED, PROBE, REFUSED, SHADOW

__all__ = [
    "CANARY",
    "CHAMPION",
    "FAILED",
    "PROBE",
    "REFUSED",
    "SHADOW",
    "AnswerRecord",
    "AnswerSpool",
    "AnsweringRelease",
    "SpoolState",
]
