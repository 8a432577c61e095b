"""Make the statistics of a measurement again from what it stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.digests import digest_table
from evergreen.errors import DigestMismatchError
from evergreen.stages.evaluate.answers import Answers
from evergreen.stages.evaluate.statistics import measure_statistics
from evergreen.tables.erased import read_unless_erased

if TYPE_CHECKING:
    from evergreen.files import Files
    from evergreen.measurement import Measurement, Statistics


def recompute_statistics(measurement: Measurement, files: Files) -> Statistics:
    """Compute the statistics of a measurement again from its stored answers; they are the same, byte for byte.

    Args:
        measurement: What was measured.
        files: Where its answers are.

    Raises:
        DigestMismatchError: The stored answers are not the ones that were measured.
        ErasedError: Rows among them were erased.
    """
    answers = Answers.from_parquet(read_unless_erased("judged rows", measurement.predictions_uri, files))
    found = digest_table(answers.table)
    if found != measurement.predictions_digest:
        raise DigestMismatchError(
            "stored answers are not the ones that were measured",
            found=f"{measurement.predictions_uri} with digest {found}",
            allowed=f"digest {measurement.predictions_digest}",
            remedy="restore the file from a backup; a verdict on changed answers means nothing",
        )
    thresholds = {model.role: model.threshold for model in measurement.models}
    return measure_statistics(answers, measurement.terms, thresholds)
