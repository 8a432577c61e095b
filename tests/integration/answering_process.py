"""Write answers into a spool and acknowledge each batch on stdout once it is written. Not a test: a process for one.

A line `n` says that the answers up to and without number n have been promised.
"""

import os
import sys
import time
from pathlib import Path

from evergreen.definitions.serving import Serving
from evergreen.serving.log import AnswerSpool
from evergreen.serving.log.spool import spool_folder
from evergreen.settings import Settings
from logged_answers import MODEL, a_release, an_answer


def main(home: str, first: int, batch: int, pause_seconds: float) -> None:
    settings = Settings(home=Path(home))
    spool = AnswerSpool(spool_folder(settings), limit_bytes=2**30, segment_bytes=100_000, segment_seconds=0.2)
    spool.open_log(MODEL, Serving())
    spool.announce(MODEL, a_release())
    spool.start(0.05)
    number = first
    while True:
        spool.write(MODEL, [an_answer(number + place) for place in range(batch)])
        number += batch
        os.write(1, b"%d\n" % number)
        if pause_seconds:
            time.sleep(pause_seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
