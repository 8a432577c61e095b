"""The answers of one model in one worker's spool."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.serving.log.frames import answers_frame, release_frame
from evergreen.serving.log.segment import Segment
from evergreen.tables.served_roles import PROBE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from evergreen.serving.log.personal import PersonalFields
    from evergreen.serving.log.record import AnsweringRelease, AnswerRecord
    from evergreen.serving.log.room import Room

logger = logging.getLogger(__name__)


class ModelLog:
    """Segments of one model, written one after the other. The spool's lock is held by whoever calls.

    Args:
        folder: Its folder; made here.
        room: Disk space of the whole spool.
        segment_bytes: Size from which the next segment is begun.
        clock: Seconds from any beginning.
    """

    def __init__(self, folder: Path, room: Room, *, segment_bytes: int, clock: Callable[[], float]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._room = room
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._releases: dict[str, AnsweringRelease] = {}
        self._number = 0
        self.segment: Segment | None = None
        """The one that is written to."""
        self.full: list[Segment] = []
        """Those to be closed."""
        self.personal: PersonalFields | None = None
        """None where everything may be kept as it is."""
        self.drops_when_full = False
        self.kept = self.refused = self.dropped = 0

    def announce(self, release: AnsweringRelease) -> None:
        """Make a release known before its first answer."""
        self._releases[release.bundle_digest] = release

    def write(self, answers: Sequence[AnswerRecord]) -> None:
        """Append a batch, whole or not at all.

        Raises:
            StoreUnavailableError: There is no room, and the definition wants such requests refused.
            RequestError: A release has not been announced.
        """
        asked_for = [answer for answer in answers if answer.role != PROBE]
        if not asked_for:
            return
        digests = {answer.bundle_digest for answer in asked_for}
        self._require_announced(digests)
        if self.personal is not None:
            personal, releases = self.personal, self._releases
            asked_for = [personal.without(answer, releases[answer.bundle_digest]) for answer in asked_for]
        data = answers_frame(asked_for)
        if not self._room.takes(len(data)):
            self._refuse(len(asked_for), f"{self._room.used_bytes:,} of {self._room.limit_bytes:,} bytes in use")
            return
        try:
            self._append(data, digests)
        except OSError as error:
            self._refuse(len(asked_for), str(error), error)
            return
        self.kept += len(asked_for)

    def end_segment(self) -> None:
        """Begin another segment with the next batch."""
        if self.segment is not None:
            self.full.append(self.segment)
            self.segment = None

    def _append(self, data: bytearray, digests: set[str]) -> None:
        if self.segment is None:
            self.segment = Segment(self._folder, self._number + 1, self._clock())
            self._number += 1
        segment = self.segment
        new = digests - segment.releases
        if new:
            data = bytearray().join([*(release_frame(self._releases[digest]) for digest in sorted(new)), data])
        try:
            segment.append(data)
        finally:
            if segment.is_broken:
                self.end_segment()
        segment.releases |= new
        self._room.add(len(data))
        if segment.size_bytes >= self._segment_bytes:
            self.end_segment()

    def _require_announced(self, digests: set[str]) -> None:
        unknown = digests - self._releases.keys()
        if unknown:
            raise RequestError(
                "a release answers that was never announced to the log",
                found=f"bundle {min(unknown)}",
                allowed=f"one of {', '.join(sorted(self._releases)) or 'none so far'}",
                remedy="announce every release to the log before its first answer",
            )

    def _refuse(self, rows: int, found: str, error: OSError | None = None) -> None:
        if self.drops_when_full:
            self.dropped += rows
            return
        self.refused += rows
        raise StoreUnavailableError(
            "answers cannot be kept, and this model gives none that are not",
            found=f"{self._folder}: {found}",
            allowed="disk space for the answers that have not been shipped yet",
            remedy="see in the gateway's log why answers are not shipped, raise EVERGREEN_SPOOL_MB, or accept the loss with "
            "`serving.log.when_full: drop`",
        ) from error
