"""Stage score: the champion's answers for one day, added to `predictions` and never taken back.

A day may be scored more than once: by a new release, by a restored one, or on corrected features. Each scoring is numbered, and
its rows are added beside the older ones; what an earlier release said stays as it was said.

A day of the past is scored by the champion of now, which may have trained on it. Each row says how far its release had seen.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.digests import digest_table
from evergreen.errors import FeatureError, RegistryError, RequestError
from evergreen.files import Files
from evergreen.predictors.bundle import open_predictor, read_bundle
from evergreen.predictors.released import read_released
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import ScoredDay
from evergreen.tables.addresses import predictions_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.feature_frames import read_features
from evergreen.tables.predictions import FEATURES_URI, FEATURES_VERSION, SCORING, TRAINED_THROUGH
from evergreen.tables.run_facts import RunFacts, keep_run_facts, peak_memory_mb
from evergreen.tables.sql_predictions import write_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.scoring import SqlTarget
    from evergreen.predictors.released import ReleasedFeatures
    from evergreen.results import ChampionVersion, FeatureSet
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)

_IDENTITY = ("release_version", "bundle_digest", "features_digest")
_ANSWER = ("_key", "_event_time", "probability", "decision", *_IDENTITY)


def score_night(
    definition: ModelDefinition,
    features: FeatureSet,
    settings: Settings,
    *,
    resolve_connection: Callable[[str], str] | None = None,
    force: bool = False,
) -> ScoredDay:
    """Score the newest complete day, and before it the days that earlier nights missed.

    Args:
        definition: The model; `schedule.catch_up` says how far back.
        features: Features built by the champion's own code and layout.
        settings: Where things are.
        resolve_connection: Turns an Airflow connection id of `scoring.sql` into a SQLAlchemy URL.
        force: Compute the newest day's answers even if they were said last.

    Returns:
        The newest day, which names the others in `caught_up`.

    Raises:
        EvergreenError: As `score_day`, and as `write_predictions` where the definition names a database.
    """
    table = DayTable(predictions_uri(settings, definition.name), Files.from_settings(settings))
    missed = missed_days(table.partitions(), features.first_day, features.last_day, definition.schedule.catch_up)
    caught_up = [day for day in missed if score_day(definition, features, settings, day).rows]
    if caught_up:
        logger.info("%s: caught up on %d days that nobody had scored", definition.name, len(caught_up))
    newest = score_day(definition, features, settings, features.last_day, force=force)
    found = newest.model_copy(update={"caught_up": tuple(caught_up)})
    if definition.scoring.sql is None:
        return found
    # Also where nothing was new: the night before may have ended between the two tables.
    days = [*caught_up, features.last_day]
    where = [_copy_to_sql(definition.scoring.sql, definition.name, table, day, resolve_connection) for day in days]
    return found.model_copy(update={"copied_to": where[-1]})


def _copy_to_sql(
    target: SqlTarget, model: str, table: DayTable, day: date, resolve_connection: Callable[[str], str] | None
) -> str:
    version = table.version()
    if version is None or day not in table.partitions(version):
        return ""  # a day without rows
    rows = table.read(version, days=[day])
    said_last = rows.filter(pc.equal(rows.column(SCORING), pc.max(rows.column(SCORING))))
    where = write_predictions(target, model, day, said_last, resolve_connection)
    logger.info("%s: %d answers of %s stand in %s", model, said_last.num_rows, day, where)
    return where


def missed_days(scored: Collection[date], first_day: date, newest: date, reach: timedelta) -> list[date]:
    """Return the days before the newest that lie within reach, have features, come after a scored day and are not scored."""
    begin = max(first_day, newest - reach, min(scored, default=newest))
    return [day for number in range((newest - begin).days) if (day := begin + timedelta(days=number)) not in scored]


def score_day(
    definition: ModelDefinition,
    features: FeatureSet,
    settings: Settings,
    day: date,
    *,
    champion: ChampionVersion | None = None,
    force: bool = False,
) -> ScoredDay:
    """Add the champion's answers for a day; nothing is added if the same release said them last, on the same features.

    Args:
        definition: The model.
        features: Features built by the champion's own code and layout, `day` among them.
        settings: Where things are.
        day: The local day to score.
        champion: The version that answers; default the champion of this moment, whatever the day.
        force: Compute the answers even if they were said last; they are added only if they differ.

    Raises:
        RegistryError: There is no champion.
        UndecidedError: No decision record vouches for the champion's bytes.
        DigestMismatchError: Its bundle is not the one that was decided on.
        FeatureError: The features were built by other code, or otherwise, than the champion was trained with.
        RequestError: The day is not complete, or lies before the features.
        StoreUnavailableError: A store did not answer.
    """
    files, started = Files.from_settings(settings), perf_counter()
    served = _vouched_champion(definition, settings, champion)
    manifest, contents = read_bundle(files, served.bundle_uri, served.bundle_digest)
    _require_fitting(features, served, manifest.feature_layout.digest)
    _require_day(features, day)
    frame = read_features(features, files, first_day=day, last_day=day)
    table = DayTable(predictions_uri(settings, definition.name), files)
    identity = {
        "release_version": served.version,
        "bundle_digest": served.bundle_digest,
        "features_digest": digest_table(pa.Table.from_pandas(_inputs(frame, features), preserve_index=False)),
    }
    present = _present(table, day, identity)
    if present is not None and not force:
        return _scored(table, served, day, present, table.version(), written=False)
    predictor = open_predictor(manifest, contents)
    probability = predictor.probability(frame)
    constants: dict[str, str | int | datetime] = {
        **identity,
        "as_of": features.as_of,
        TRAINED_THROUGH: served.trained_through,
        FEATURES_URI: features.uri,
        FEATURES_VERSION: features.version,
    }
    answers = _answers(frame, probability, predictor.decide(probability), constants)
    if not answers.num_rows or (present is not None and _digest(present) == _digest(answers)):
        return _scored(table, served, day, answers, table.version(), written=False)
    _tell_if_seen(served, day, answers)
    done = table.change_day(day, lambda rows: _added(rows, answers))
    seconds, rows, peak = perf_counter() - started, answers.num_rows, peak_memory_mb()
    cost = RunFacts(stage="score", as_of=features.as_of, day=day, seconds=seconds, rows=rows, peak_memory_mb=peak)
    keep_run_facts(cost, settings, definition.name, files)
    return _scored(table, served, day, answers, done.version, written=bool(done.written))


def released_features(champion: ChampionVersion, settings: Settings) -> ReleasedFeatures:
    """Return how the champion's features were built when it was trained, checked against its digest.

    Raises:
        UndecidedError: No decision record vouches for the champion's bytes.
        DigestMismatchError: The bundle, features.py among it, is not the one that was decided on.
        RegistryError: The bundle is of a format that does not say.
    """
    ReleaseRegistry(settings).vouch(champion)
    return read_released(Files.from_settings(settings), champion)


def _vouched_champion(definition: ModelDefinition, settings: Settings, champion: ChampionVersion | None) -> ChampionVersion:
    registry = ReleaseRegistry(settings)
    served = champion or registry.champion(definition.name)
    if served is None:
        raise RegistryError(
            "there is no champion to score with",
            found=f"{definition.name} has no release",
            allowed="a released version",
            remedy=f"train one: evergreen run training {definition.name}",
        )
    registry.vouch(served)
    return served


def _require_fitting(features: FeatureSet, served: ChampionVersion, layout_digest: str) -> None:
    remedy = "build them with released_features(…), as the scoring DAG does"
    if features.source_digest != served.features_source_digest:
        raise FeatureError(
            "the features were built by other code than the champion was trained with",
            found=f"features.py {features.source_digest}",
            allowed=f"features.py {served.features_source_digest}, which travels with version {served.version}",
            remedy=remedy,
        )
    if features.layout_digest != layout_digest:
        raise FeatureError(
            "the features were built from another model.yaml than the champion was trained with",
            found=f"feature layout {features.layout_digest}",
            allowed=f"feature layout {layout_digest}, which travels with version {served.version}",
            remedy=remedy,
        )


def _require_day(features: FeatureSet, day: date) -> None:
    if not features.first_day <= day <= features.last_day:
        raise RequestError(
            "the day cannot be scored",
            found=f"{day}",
            allowed=f"{features.first_day} to {features.last_day}, the complete days of these features",
            remedy="choose an as-of after the day's last row can be predicted, or a day inside the history",
        )


def _inputs(frame: pd.DataFrame, features: FeatureSet) -> pd.DataFrame:
    return frame[["_key", "_event_time", *features.numeric, *features.categorical]]


def _answers(frame: pd.DataFrame, probability: Any, decision: Any, constants: dict[str, str | int | datetime]) -> pa.Table:
    columns = {
        "_key": pa.array(frame["_key"], pa.string()),
        "_event_time": pa.array(frame["_event_time"], pa.timestamp("us", tz="UTC")),
        "probability": pa.array(np.asarray(probability), pa.float64()),
        "decision": pa.array(np.asarray(decision), pa.bool_()),
    }
    return pa.table(columns | {name: pa.repeat(_constant(value), len(frame)) for name, value in constants.items()})


def _constant(value: str | int | datetime) -> pa.Scalar:
    return pa.scalar(value, pa.timestamp("us", tz="UTC")) if isinstance(value, datetime) else pa.scalar(value)


def _present(table: DayTable, day: date, identity: dict[str, str]) -> pa.Table | None:
    """Return what was said last about the day, if this release said it on these features."""
    version = table.version()
    if version is None or day not in table.partitions(version):
        return None
    return _last_scoring(table.read(version, days=[day]), identity)


def _last_scoring(rows: pa.Table, identity: dict[str, str]) -> pa.Table | None:
    """Return the rows of the day's largest number, or None if they are another's.

    An older scoring of the same identity does not count: after a rollback the restored release must have the last word.
    """
    last = rows.filter(pc.equal(rows.column(SCORING), pc.max(rows.column(SCORING))))
    ours = all(last.column(name)[0].as_py() == value for name, value in identity.items())
    return last if ours else None


def _tell_if_seen(served: ChampionVersion, day: date, answers: pa.Table) -> None:
    if served.trained_through >= pc.min(answers.column("_event_time")).as_py():
        logger.warning(
            "%s: version %s was trained through %s and has seen rows of %s, which it scores now; keep rows with _event_time "
            "<= %s out of outcome metrics",
            served.model,
            served.version,
            served.trained_through.isoformat(),
            day,
            TRAINED_THROUGH,
        )


def _added(rows: pa.Table | None, answers: pa.Table) -> pa.Table:
    """Return the day with these answers, which are added under the next number unless they were said last."""
    if rows is None:
        return answers.append_column(SCORING, pa.array(np.ones(answers.num_rows), pa.int64()))
    same = _last_scoring(rows, {name: answers.column(name)[0].as_py() for name in _IDENTITY})
    if same is not None and _digest(same) == _digest(answers):
        return rows
    number = int(pc.max(rows.column(SCORING)).as_py()) + 1
    added = answers.append_column(SCORING, pa.array([number] * answers.num_rows, pa.int64()))
    return pa.concat_tables([rows, added], promote_options="default")


def _digest(answers: pa.Table) -> str:
    """Return the digest of what was said; when it was said is left out."""
    return digest_table(answers.select(_ANSWER))


def _scored(
    table: DayTable, served: ChampionVersion, day: date, answers: pa.Table, version: int | None, *, written: bool
) -> ScoredDay:
    return ScoredDay(
        model=served.model,
        day=day,
        release_version=served.version,
        bundle_digest=served.bundle_digest,
        uri=table.uri,
        table_version=-1 if version is None else version,  # a day without rows, before the first write
        rows=answers.num_rows,
        digest=_digest(answers),
        written=written,
    )
