"""Rows whose answers are stored: what the judged model said about the holdout."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from evergreen.digests import digest_table
from evergreen.errors import DigestMismatchError, SmokeTestError
from evergreen.tables.erased import read_unless_erased
from evergreen.tables.feature_frames import read_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.files import Files
    from evergreen.results import Evaluation, FeatureSet


def stored_rows(
    files: Files, features: FeatureSet, evaluation: Evaluation, names: Sequence[str], limit: int
) -> tuple[dict[str, list[Any]], list[float]]:
    """Return features and stored answers of rows spread evenly over the holdout.

    Args:
        files: Where files are.
        features: The features that were judged.
        evaluation: Where the judged model's answers are.
        names: Features the model reads.
        limit: Most rows.

    Returns:
        Values by feature, as JSON types, and the challenger's stored probabilities in the same order.

    Raises:
        SmokeTestError: A stored row has lost its features, or there is none.
        DigestMismatchError: The stored answers were changed.
        ErasedError: Rows among them were erased.
    """
    said = _stored_answers(files, evaluation)
    spread = (
        said.iloc[np.unique(np.linspace(0, len(said) - 1, num=min(limit, len(said))).round().astype(int))]
        if len(said)
        else said
    )
    known = read_features(features, files, first_day=None, last_day=None)
    rows = spread.merge(known[["_key", *names]], on="_key", how="inner", validate="one_to_one")
    if rows.empty or len(rows) != len(spread):
        raise SmokeTestError(
            "stored answers have lost their rows",
            found=f"{len(rows)} of {len(spread)} stored rows have features",
            allowed="the features of every row that was judged, and at least one such row",
            remedy="run the training again from build_features",
        )
    return {name: [_plain(value) for value in rows[name]] for name in names}, rows["challenger"].tolist()


def _stored_answers(files: Files, evaluation: Evaluation) -> pd.DataFrame:
    measurement = json.loads(files.read_bytes(evaluation.measurement_uri))
    table = pq.read_table(io.BytesIO(read_unless_erased("judged rows", measurement["predictions_uri"], files)))
    if digest_table(table) != measurement["predictions_digest"]:
        raise DigestMismatchError(
            "the stored answers are not the ones that were judged",
            found=f"{measurement['predictions_uri']} with digest {digest_table(table)}",
            allowed=f"digest {measurement['predictions_digest']}",
            remedy="run evaluate again with --force",
        )
    answers = pd.DataFrame({"_key": table.column("key").to_pylist(), "challenger": table.column("challenger").to_numpy()})
    return answers.sort_values("_key", ignore_index=True)


def _plain(value: Any) -> Any:
    """Return a value as a JSON type; missing and infinite numbers, which models read as missing, as None."""
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
