"""The spool's closed segments go into the table `served`, each exactly once, whatever dies in between.

A delivery is the rows of some segments in one commit, which also keeps the number of the last of them under the worker's
name. Segments are deleted only when the commit is on the disk. Whoever dies between commit and deletion leaves segments
whose number the table knows: they are deleted, not delivered again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from evergreen.erasure.standing import standing_erasures
from evergreen.errors import EvergreenError
from evergreen.files import Files, sync_to_disk
from evergreen.serving.log.frames import SegmentContent, read_frames
from evergreen.serving.log.segment import DAMAGED
from evergreen.serving.log.shipped_rows import served_rows
from evergreen.serving.log.spool import LOCK_NAME, spool_folder
from evergreen.serving.log.workers import (
    close_for_the_dead,
    complete_segments,
    model_folders,
    remove_if_empty,
    taken_lock,
    worker_folders,
)
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from evergreen.serving.log.record import AnsweringRelease
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)

SHIPPING_LOCK = ".shipping"
"""One ships at a time on a machine."""
DELIVERY_BYTES = 16 * 2**20
"""Size of the segments that go into one commit; as objects they need some ten times as much memory."""


@dataclass
class Shipped:
    """What one shipping did."""

    rows: int = 0
    segments: int = 0
    already_there: int = 0
    """Segments that an earlier shipping had delivered and not deleted."""
    cut_bytes: int = 0
    """Torn ends of dead workers, which nobody had been told of."""
    damaged: list[str] = field(default_factory=list)
    """Segments that were complete and can be read in part only."""
    failures: list[str] = field(default_factory=list)
    """Per log that could not be shipped, why; it is tried again the next time."""


def ship_spool(settings: Settings) -> Shipped | None:
    """Ship everything that is complete; None when somebody else is at it.

    A failure of one log does not keep the others back.
    """
    root, files = spool_folder(settings), Files.from_settings(settings)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = Shipped()
    with taken_lock(root / SHIPPING_LOCK) as ours:
        if not ours:
            return None
        for worker in worker_folders(root):
            with taken_lock(worker / LOCK_NAME) as is_dead:
                _ship_worker(worker, settings, files, done, is_dead=is_dead)
    return done


def _ship_worker(worker: Path, settings: Settings, files: Files, done: Shipped, *, is_dead: bool) -> None:
    for model in model_folders(worker):
        answers = _Answers(model.name, ServedTable(served_uri(settings, model.name), files), settings, files)
        try:
            if is_dead:
                done.cut_bytes += close_for_the_dead(model)
            if _ship_model(model, f"evergreen-gateway/{worker.name}", answers, done):
                answers.table.compact()
        except (EvergreenError, OSError, msgspec.MsgspecError) as error:
            done.failures.append(f"{model.name}: {error}")
            logger.exception("the answers of %s cannot be shipped now", model.name)
    if is_dead:
        remove_if_empty(worker)


@dataclass(frozen=True)
class _Answers:
    """Where the answers of a model go, without those of whoever is to be forgotten."""

    model: str
    table: ServedTable
    settings: Settings
    files: Files

    def append(self, rows: pa.Table, *, sender: str, number: int) -> bool:
        """Add rows once; False when this delivery is in the table already.

        Nothing is shipped where the list of erasures cannot be read: it waits in the spool.
        """
        erased = standing_erasures(self.settings, self.model)
        is_new = self.table.append(erased.without(rows, erased.of_answers()), sender=sender, number=number)
        now = standing_erasures(self.settings, self.model)
        if now.erasures != erased.erasures:  # begun meanwhile: whoever erases may have looked before these rows came
            now.take_out(self.table, now.of_answers(), self.settings, self.files)
        return is_new


def _ship_model(model: Path, sender: str, answers: _Answers, done: Shipped) -> bool:
    """Ship one log; return whether there was anything to be shipped."""
    waiting = complete_segments(model)
    if not waiting:
        return False
    delivered = answers.table.shipped(sender)
    for number, path in [each for each in waiting if each[0] <= delivered]:
        done.already_there += 1
        logger.info("segment %d of %s was delivered before", number, sender)
        _put_away(path, done, is_damaged=False)
    for load in _loads([each for each in waiting if each[0] > delivered]):
        _deliver(load, sender, answers, done)
    return True


def _loads(segments: Sequence[tuple[int, Path]]) -> Iterator[list[tuple[int, Path]]]:
    """Put segments together into deliveries of a size that memory can hold."""
    load: list[tuple[int, Path]] = []
    size = 0
    for number, path in segments:
        load.append((number, path))
        size += path.stat().st_size
        if size >= DELIVERY_BYTES:
            yield load
            load, size = [], 0
    if load:
        yield load


def _deliver(load: Sequence[tuple[int, Path]], sender: str, answers: _Answers, done: Shipped) -> None:
    contents = [read_frames(path.read_bytes()) for _, path in load]
    releases: dict[str, AnsweringRelease] = {}
    for content in contents:
        releases |= content.releases
    rows = served_rows((answer for content in contents for answer in content.answers), releases)
    if rows.num_rows:
        is_new = answers.append(rows, sender=sender, number=load[-1][0])
        done.rows += rows.num_rows if is_new else 0
    done.segments += len(load)
    for (_, path), content in zip(load, contents, strict=True):
        _put_away(path, done, is_damaged=_is_damaged(content))
    sync_to_disk(load[0][1].parent)


def _is_damaged(content: SegmentContent) -> bool:
    return content.good_bytes < content.size_bytes


def _put_away(path: Path, done: Shipped, *, is_damaged: bool) -> None:
    if not is_damaged:
        path.unlink()
        return
    kept = path.rename(path.with_suffix(DAMAGED))
    done.damaged.append(str(kept))
    logger.error("%s is damaged: what stands before the damage was shipped, the file is kept", kept)
