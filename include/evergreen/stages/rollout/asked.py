"""Requests that a challenger on trial was asked, as the gateway's records tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.stages.rollout.wording import count
from evergreen.tables.predictions import ANSWERED_AT, KEY
from evergreen.tables.served_columns import REQUEST, ROLE, ROW
from evergreen.tables.served_roles import FAILED, ON_TRIAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = (
    KEY,
    "probability",
    "decision",
    "release_version",
    ANSWERED_AT,
    REQUEST,
    ROW,
    ROLE,
    "compute_us",
    "error",
    "champion_probability",
    "champion_decision",
    "champion_compute_us",
    "worker_mb",
)


@dataclass(frozen=True)
class AskedRequests:
    """Requests in the order in which they were answered; every array has one value for each."""

    answered_at_us: NDArray[np.int64]
    key: NDArray[np.int64]
    """A number for each different key of the first row."""
    failed: NDArray[np.bool_]
    error: NDArray[np.object_]
    probability: NDArray[np.float64]
    """Of the first row; NaN where it failed."""
    decision: NDArray[np.bool_]
    champion_probability: NDArray[np.float64]
    champion_decision: NDArray[np.bool_]
    compute_us: NDArray[np.int64]
    champion_compute_us: NDArray[np.int64]
    worker_mb: NDArray[np.float64]
    """0 where the worker did not know."""
    strange: tuple[str, ...] = ()
    """Records that cannot be what a gateway wrote of this trial, in words."""

    def __len__(self) -> int:
        return len(self.answered_at_us)


def asked_requests(records: pa.Table, version: str) -> AskedRequests:
    """Return the requests that records tell of, each once.

    A request is its first row: the rows of one request have too much in common to count one by one. One that was sent again
    under its own id, about the same row, counts once.

    Args:
        records: Rows of the table `served`, `COLUMNS` of one rollout.
        version: The challenger on trial; records of another one are strange.
    """
    strange = _strange(records, version)
    first = records.filter(pc.equal(records.column(ROW), 0))
    first = first.sort_by([(name, "ascending") for name in (ANSWERED_AT, REQUEST, KEY)])
    keys, requests = _numbered(first.column(KEY)), _numbered(first.column(REQUEST))
    kept = first_of_each(requests, keys)
    first = first.take(pa.array(kept))
    # Without a key, which a definition may keep out of the log, each request is about a row of its own.
    unnamed = pc.equal(pc.fill_null(first.column(KEY), ""), "").to_numpy(zero_copy_only=False)
    return AskedRequests(
        answered_at_us=first.column(ANSWERED_AT).cast(pa.int64()).to_numpy(),
        key=np.where(unnamed, -1 - requests[kept], keys[kept]),
        failed=pc.equal(first.column(ROLE), FAILED).to_numpy(zero_copy_only=False),
        error=np.array(first.column("error").to_pylist(), dtype=object),
        probability=_numbers(first, "probability"),
        decision=_truths(first, "decision"),
        champion_probability=_numbers(first, "champion_probability"),
        champion_decision=_truths(first, "champion_decision"),
        compute_us=_counts(first, "compute_us"),
        champion_compute_us=_counts(first, "champion_compute_us"),
        worker_mb=np.nan_to_num(_numbers(first, "worker_mb"), nan=0.0),
        strange=strange,
    )


def first_of_each(*columns: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places, in order, at which a combination of values stands for the first time.

    Args:
        columns: Of one length, shape (n,) each; no NaN.
    """
    order = np.lexsort(columns)  # stable: of equals, the first stays first
    is_new = np.zeros(len(order), dtype=np.bool_)
    is_new[:1] = True
    for each in columns:
        is_new[1:] |= each[order][1:] != each[order][:-1]
    return np.sort(order[is_new])


def _strange(records: pa.Table, version: str) -> tuple[str, ...]:
    """Say which records no gateway should have written; one of them is enough not to rely on the others."""
    role = records.column(ROLE)
    known = pc.is_in(role, value_set=pa.array([*ON_TRIAL, FAILED]))
    ours = pc.equal(records.column("release_version"), version)
    said, champion = records.column("probability"), records.column("champion_probability")
    sound, paired = (
        pc.fill_null(pc.and_(pc.greater_equal(each, 0.0), pc.less_equal(each, 1.0)), False) for each in (said, champion)
    )
    answered = pc.is_in(role, value_set=pa.array(ON_TRIAL))
    paired = pc.and_(paired, pc.is_valid(records.column("champion_decision")))
    wrong = {
        "of an unknown role": pc.invert(pc.fill_null(known, False)),
        f"of a release that is not version {version}": pc.invert(pc.fill_null(ours, False)),
        "with an answer that is no probability": pc.and_(answered, pc.invert(sound)),
        "without the champion's answer": pc.and_(answered, pc.invert(paired)),
    }
    counted = {what: int(pc.sum(pc.cast(each, pa.int64())).as_py() or 0) for what, each in wrong.items()}
    return tuple(f"{count(number, 'record')} {what}" for what, number in counted.items() if number)


def _numbered(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a number for each different text."""
    indices = pc.fill_null(column, "").combine_chunks().dictionary_encode().indices
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(pc.fill_null(rows.column(name), float("nan")).to_numpy(), dtype=np.float64)


def _truths(rows: pa.Table, name: str) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(rows.column(name), False).to_numpy(), dtype=np.bool_)


def _counts(rows: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(rows.column(name), 0).to_numpy(), dtype=np.int64)
