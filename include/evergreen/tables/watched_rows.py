"""The rows that monitoring looks at: the champion's answers with their features, and with what came true."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, ErasedError
from evergreen.files import join_uri
from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY, DIGEST, POSITION, DayTable
from evergreen.tables.outcomes import KNOWN_FROM, LABEL, LABEL_AVAILABLE_AT, REVISION, known_at
from evergreen.tables.predictions import (
    ANSWER,
    EVENT_TIME,
    FEATURES_URI,
    FEATURES_VERSION,
    KEY,
    SAID_AT,
    SCORING,
    TRAINED_THROUGH,
    said_last,
)
from evergreen.tables.served_answers import SINGLE, served_answers, served_features
from evergreen.tables.served_columns import REQUEST, ROW
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from evergreen.definitions.monitoring import Performance
    from evergreen.files import Files
    from evergreen.results import ChampionVersion, Collected

logger = logging.getLogger(__name__)

SLICE = "_slice_"
USUAL_DAYS = timedelta(days=28)
"""Days before the judged ones that say what share of labels is usual."""
_ANSWER_NAMES = [name for name, _ in ANSWER]


def first_watched_day(rules: Performance, last_day: date) -> date:
    """Return the first day whose outcomes a night looks at: to judge, to wait for, or to know what is usual."""
    return last_day - rules.window - rules.mature_after - USUAL_DAYS


def read_watched(collected: Collected, files: Files, first_day: date, last_day: date) -> pd.DataFrame:
    """Return the champion's last-said answers of some days, joined with the features they rest on.

    Features of a nightly scoring lie in the table of features, those of an answer of the gateway beside the answer.

    Days that were set aside are left out. So is an answer that does not say where its features lie; the log tells of it.

    Args:
        collected: What `collect` returned.
        files: Where its tables are.
        first_day: First day wanted.
        last_day: Last day wanted.

    Returns:
        One row per answer, sorted by day, event time and key: `_key`, `_day` (date), `_event_time`, `_prediction_time`,
        `probability`, `decision`, `release_version`, the numeric features (`float64`, NaN for missing), the categorical ones
        (text, None for missing) and `_slice_<column>` (text). No columns of features while there is no champion.

    Raises:
        DigestMismatchError: The champion's manifest, which names the features, is not the one that was decided on.
        DataError: A version of the predictions or of the features is gone.
    """
    answers = _answers(collected, files, first_day, last_day)
    numeric, categorical = ((), ()) if collected.champion is None else _feature_names(collected.champion, files)
    columns = ["_prediction_time", *numeric, *categorical]
    found = _features_of(answers, collected, files, numeric, categorical)
    lost = int(pd.isna(answers[FEATURES_URI]).sum())
    if lost:
        logger.warning("%s: %d answers do not say where their features lie and are left out", collected.model, lost)
    kept = [KEY, DAY, EVENT_TIME, "probability", "decision", "release_version"]
    joined = answers[kept].merge(found, on=[DAY, KEY], how="inner", validate="one_to_one")
    slices = sorted(name for name in joined.columns if name.startswith(SLICE))
    return joined[[*kept[:3], *columns[:1], *kept[3:], *columns[1:], *slices]]


def read_trailing(collected: Collected, files: Files, first_day: date, last_day: date) -> pd.DataFrame:
    """Return the features of some days before the window, whoever answered them, or nobody.

    They are read from where the features of the newest answers lie, so that what is usual is known from a release's first
    night on. Days that were set aside are left out.

    Args:
        collected: What `collect` returned.
        files: Where its tables are.
        first_day: First day wanted.
        last_day: Last day wanted.

    Returns:
        One row per predicted row, sorted by day: `_key`, `_day` (date), the numeric features and the categorical ones.

    Raises:
        DigestMismatchError: The champion's manifest, which names the features, is not the one that was decided on.
        DataError: A version of the predictions or of the features is gone.
    """
    numeric, categorical = ((), ()) if collected.champion is None else _feature_names(collected.champion, files)
    columns = [KEY, *numeric, *categorical]
    answers = _answers(collected, files, collected.first_day, collected.last_day).dropna(subset=[FEATURES_URI])
    if answers.empty:
        return pd.DataFrame({name: np.array([], dtype=object) for name in [KEY, DAY, *columns[1:]]})
    newest = answers.iloc[-1]
    days = [day for day in _days(first_day, last_day) if day not in collected.set_aside]
    if _is_served(newest[FEATURES_URI], collected):
        return _served_trailing(collected, files, days, numeric, categorical)
    table = DayTable(str(newest[FEATURES_URI]), files)
    rows = _read_features(table, int(newest[FEATURES_VERSION]), days, columns)
    frame: pd.DataFrame = rows.select([KEY, DAY, *columns[1:]]).to_pandas(date_as_object=True)
    return frame


def read_outcomes(collected: Collected, files: Files, first_day: date, last_day: date) -> pd.DataFrame:
    """Return the champion's last-said answers of some days with what was known at the as-of to have come true.

    Days that were set aside are left out.

    Args:
        collected: What `collect` returned.
        files: Where its tables are.
        first_day: First day wanted.
        last_day: Last day wanted.

    Returns:
        One row per answer, sorted by day, event time and key: `_key`, `_day` (date), `_event_time`, `probability`, `decision`,
        `release_version`, `_trained_through`, `label` (`float64`, NaN while unknown), `label_available_at` (NaT while unknown)
        and `_slice_<column>` (text). Rows with `_event_time` <= `_trained_through` were seen in training: no evidence.

    Raises:
        DataError: A version of the predictions, the outcomes or the features is gone.
    """
    answers = _answers(collected, files, first_day, last_day)
    labels = current_outcomes(collected, files, _days(first_day, last_day), columns=[LABEL, LABEL_AVAILABLE_AT])
    frame = labels.select([DAY, KEY, LABEL, LABEL_AVAILABLE_AT]).to_pandas(date_as_object=True)
    joined = answers.merge(frame, on=[DAY, KEY], how="left", validate="one_to_one")
    slices = _features_of(answers, collected, files).drop(columns="_prediction_time")
    joined = joined.merge(slices, on=[DAY, KEY], how="left", validate="one_to_one")
    if collected.champion is not None:  # rows older than the column are of this very release
        joined[TRAINED_THROUGH] = joined[TRAINED_THROUGH].fillna(pd.Timestamp(collected.champion.trained_through))
    kept = [KEY, DAY, EVENT_TIME, "probability", "decision", "release_version", TRAINED_THROUGH, LABEL, LABEL_AVAILABLE_AT]
    return joined[[*kept, *sorted(name for name in joined.columns if name.startswith(SLICE))]]


def current_outcomes(
    collected: Collected, files: Files, days: Collection[date], *, columns: Sequence[str] = (LABEL,)
) -> pa.Table:
    """Return the outcomes of some days as they were known at the as-of, whoever answered: `_key`, `_day` and `columns`."""
    wanted = [KEY, *columns, KNOWN_FROM, REVISION]
    if collected.outcomes_version < 0:
        empty = {KEY: pa.string(), LABEL: pa.float64()}
        return pa.table({name: pa.array([], empty.get(name, TIMESTAMP)) for name in wanted} | {DAY: pa.array([], pa.date32())})
    rows = DayTable(collected.outcomes_uri, files).read(collected.outcomes_version, days=days, columns=wanted)
    return known_at(rows, collected.as_of)


def _answers(collected: Collected, files: Files, first_day: date, last_day: date) -> pd.DataFrame:
    """Return the champion's own last-said answers: what others said of the same days, before or after, is no matter."""
    days = [day for day in _days(first_day, last_day) if day not in collected.set_aside]
    rows = _all_answers(collected, files, days)
    if collected.champion is not None:
        rows = said_last(rows, collected.as_of, [collected.champion.version])
        rows = rows.filter(pc.equal(rows.column("bundle_digest"), collected.champion.bundle_digest))
    kept = [*_ANSWER_NAMES, DAY, FEATURES_URI, FEATURES_VERSION, REQUEST, ROW]
    frame: pd.DataFrame = rows.select(kept).to_pandas(date_as_object=True)
    return frame.sort_values([DAY, EVENT_TIME, KEY], ignore_index=True)


def _all_answers(collected: Collected, files: Files, days: Collection[date]) -> pa.Table:
    parts = [_batch_answers(collected, files, days)]
    if collected.answers != "batch" and collected.champion is not None:
        rows = served_answers(ServedTable(collected.served_uri, files), collected.served_version, days)
        rows = rows.append_column(FEATURES_URI, pa.array([collected.served_uri] * rows.num_rows, pa.string()))
        rows = rows.append_column(FEATURES_VERSION, pa.array([collected.served_version] * rows.num_rows, pa.int64()))
        parts.append(rows)
    return pa.concat_tables(parts, promote_options="default")


def _batch_answers(collected: Collected, files: Files, days: Collection[date]) -> pa.Table:
    kinds: dict[str, Any] = dict(ANSWER) | {FEATURES_URI: pa.string(), FEATURES_VERSION: pa.int64()} | dict(SINGLE)
    if collected.predictions_version < 0 or collected.champion is None or collected.answers == "gateway":
        rest = {DAY: pa.date32(), SCORING: pa.int64(), SAID_AT: TIMESTAMP}
        return pa.schema(list((kinds | rest).items())).empty_table()
    table = DayTable(collected.predictions_uri, files)
    rows = table.read(collected.predictions_version, days=days)
    for name, kind in kinds.items():
        if name not in rows.column_names:  # a table whose every row is older than the column; no scoring has those of SINGLE
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
    return rows.select([*kinds, DAY, SCORING, SAID_AT])


def _is_served(features_uri: object, collected: Collected) -> bool:
    return collected.served_uri != "" and features_uri == collected.served_uri


def _features_of(
    answers: pd.DataFrame,
    collected: Collected,
    files: Files,
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
) -> pd.DataFrame:
    """Return `_day`, `_key`, `_prediction_time`, features and every slice, read from where each answer says that they lie."""
    columns = ["_prediction_time", *numeric, *categorical]
    parts = []
    for uri, version in sorted(set(answers[[FEATURES_URI, FEATURES_VERSION]].dropna().itertuples(index=False, name=None))):
        rows = answers[(answers[FEATURES_URI] == uri) & (answers[FEATURES_VERSION] == version)]
        if _is_served(uri, collected):
            slices = collected.slice_columns
            served = ServedTable(str(uri), files)
            parts.append(served_features(served, int(version), rows, numeric=numeric, categorical=categorical, slices=slices))
            continue
        table = DayTable(str(uri), files)
        schema = table.schema(int(version))
        names = [name for name in (schema.names if schema else []) if name.startswith(SLICE)]
        read = _read_features(table, int(version), sorted(set(rows[DAY])), [KEY, *columns, *names])
        frame: pd.DataFrame = read.drop_columns([DIGEST, POSITION]).to_pandas(date_as_object=True)
        parts.append(frame.merge(rows[[DAY, KEY]], on=[DAY, KEY], how="inner"))
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame({name: np.array([], dtype=object) for name in [DAY, KEY, *columns]})


def _read_features(table: DayTable, version: int, days: Collection[date], columns: Sequence[str]) -> pa.Table:
    """Return features as they were at a version; where somebody's rows were erased from it, as they are now without them."""
    try:
        return table.read(version, days=days, columns=columns)
    except ErasedError as error:
        newest = table.version()
        if newest is None:
            raise
        logger.info("%s; its newest version is read instead", error.what)
        return table.read(newest, days=days, columns=columns)


def _served_trailing(
    collected: Collected, files: Files, days: Collection[date], numeric: Sequence[str], categorical: Sequence[str]
) -> pd.DataFrame:
    """Return the features of what the gateway was asked about some days, whichever release answered: each row's last answer."""
    table = ServedTable(collected.served_uri, files)
    rows = served_answers(table, collected.served_version, days)
    anybody = set(rows.column("release_version").to_pylist())
    answers: pd.DataFrame = said_last(rows, collected.as_of, anybody).to_pandas(date_as_object=True)
    if answers.empty:
        return pd.DataFrame({name: np.array([], dtype=object) for name in [KEY, DAY, *numeric, *categorical]})
    version = collected.served_version
    frame = served_features(table, version, answers, numeric=numeric, categorical=categorical, slices=())
    return frame[[KEY, DAY, *numeric, *categorical]].sort_values(DAY, ignore_index=True, kind="stable")


def _feature_names(champion: ChampionVersion, files: Files) -> tuple[tuple[str, ...], tuple[str, ...]]:
    uri = join_uri(champion.bundle_uri, "manifest.json")
    data = files.read_bytes(uri)
    if digest_bytes(data) != champion.bundle_digest:
        raise DigestMismatchError(
            "the champion's manifest is not the one that was decided on",
            found=f"{uri}: digest {digest_bytes(data)}",
            allowed=f"digest {champion.bundle_digest}",
            remedy="bring the bundle back from a backup, or roll back to another version",
        )
    manifest = json.loads(data)
    return tuple(manifest["numeric"]), tuple(manifest["categorical"])


def _days(first_day: date, last_day: date) -> list[date]:
    return [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
