"""How a segment's bytes are laid out: frames, each with its length and checksum, so that a torn end is known for what it is.

A frame is one byte for its kind, the length of its content and the CRC-32 of kind and content, both as little-endian 32 bit
numbers, then the content in MessagePack. A batch of answers is one frame: it is there whole or not at all.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import msgspec

from evergreen.serving.log.record import AnsweringRelease, AnswerRecord

_ANSWERS, _RELEASE = b"A"[0], b"R"[0]
_HEADER = struct.Struct("<BII")
_ROOM_FOR_HEADER = bytes(_HEADER.size)
_encoder = msgspec.msgpack.Encoder()
_answers_decoder = msgspec.msgpack.Decoder(list[AnswerRecord])
_release_decoder = msgspec.msgpack.Decoder(AnsweringRelease)


@dataclass(frozen=True)
class SegmentContent:
    """What could be read of a segment."""

    releases: dict[str, AnsweringRelease]
    """By bundle digest."""
    answers: list[AnswerRecord]
    good_bytes: int
    """Length of the whole frames; what lies behind them is a torn end, or damage."""
    size_bytes: int


def answers_frame(answers: list[AnswerRecord]) -> bytearray:
    """Return one batch as a frame."""
    return _frame(_ANSWERS, answers)


def release_frame(release: AnsweringRelease) -> bytearray:
    """Return what a release says of itself as a frame."""
    return _frame(_RELEASE, release)


def read_frames(data: bytes) -> SegmentContent:
    """Read a segment up to its end, or to the first frame that is not whole."""
    view, place = memoryview(data), 0
    releases: dict[str, AnsweringRelease] = {}
    answers: list[AnswerRecord] = []
    while place + _HEADER.size <= len(view):
        kind, length, checksum = _HEADER.unpack_from(view, place)
        end = place + _HEADER.size + length
        content = view[place + _HEADER.size : end]
        if end > len(view) or kind not in (_ANSWERS, _RELEASE) or zlib.crc32(content, kind) != checksum:
            break
        if kind == _RELEASE:
            release = _release_decoder.decode(content)
            releases[release.bundle_digest] = release
        else:
            answers += _answers_decoder.decode(content)
        place = end
    return SegmentContent(releases, answers, place, len(view))


def _frame(kind: int, content: object) -> bytearray:
    buffer = bytearray(_ROOM_FOR_HEADER)
    _encoder.encode_into(content, buffer, _HEADER.size)
    with memoryview(buffer) as view:
        checksum = zlib.crc32(view[_HEADER.size :], kind)
    _HEADER.pack_into(buffer, 0, kind, len(buffer) - _HEADER.size, checksum)
    return buffer
