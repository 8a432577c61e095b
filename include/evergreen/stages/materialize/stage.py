"""From validated rows and a release to published online inputs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.errors import DigestMismatchError, ErasedError
from evergreen.features.code import FeatureCode
from evergreen.features.history import History, own_columns
from evergreen.features.inputs import release_key, table_digest
from evergreen.features.online import OnlineFeatures
from evergreen.features.online_tables import entity_tables, joined_tables
from evergreen.features.online_windows import LOOK_BACK, online_windows
from evergreen.files import Files
from evergreen.predictors.released import read_released
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Materialized
from evergreen.stages.materialize.comparison import compare_with_batch
from evergreen.tables.contract import contract_of
from evergreen.tables.day_table import DayTable
from evergreen.tables.online_inputs import OnlineInputs, read_online_inputs, write_online_inputs
from evergreen.tables.rows import read_rows
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.definitions import ModelDefinition
    from evergreen.predictors.released import ReleasedFeatures
    from evergreen.results import ChampionVersion, ValidatedSnapshot
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def materialize(
    definition: ModelDefinition,
    validated: ValidatedSnapshot,
    champion: ChampionVersion,
    settings: Settings,
    *,
    force: bool = False,
) -> Materialized:
    """Publish the entity features of the newest night and the rows of joined tables that a request may find.

    They are computed by the release's own code and layout, read back, and asked for the features of a few rows of the night;
    only where a batch gives the same values are they published. Done again, nothing changes.

    Args:
        definition: The model as it is today.
        validated: The rows to use.
        champion: The release that is to answer with them.
        settings: Where things are.
        force: Compute them even if that was done before; they are published only if they differ.

    Raises:
        UndecidedError: No decision record vouches for the release's bytes.
        DigestMismatchError: Its bundle is not the one that was decided on.
        FeatureError: Its features cannot be built from today's tables, or come out otherwise than in a batch.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    files = Files.from_settings(settings)
    ReleaseRegistry(settings).vouch(champion)
    plan = _plan(definition, validated, read_released(files, champion), files)
    results = StageResults(settings.results_uri, definition.name, files)
    key = digest_json(
        {
            "features": plan.features_key,
            "layout": table_digest(plan.definition, plan.code),
            "kinds": list(plan.released.kinds.items()),
            "validated": validated.digest,
            "as_of": validated.snapshot.as_of.isoformat(),
        }
    )
    known = results.get("materialize", key, Materialized)
    is_gone = known is not None and not _is_sound(known, files)
    done = results.once(
        "materialize",
        key,
        Materialized,
        lambda: _write(plan, champion, settings),
        force=force or is_gone,
    )
    published = OnlineVersionStore(settings.database_url).publish(
        OnlineInputsVersion(
            model=done.model,
            features_key=done.features_key,
            as_of=done.as_of,
            uri=done.uri,
            digest=done.digest,
            published_at=datetime.now(UTC),
        )
    )
    return done.model_copy(update={"release_version": champion.version, "published": published})


@dataclass(frozen=True)
class _Plan:
    """What online inputs are made from."""

    definition: ModelDefinition
    """Today's, with the release's layout put back."""
    validated: ValidatedSnapshot
    released: ReleasedFeatures
    code: FeatureCode
    night: datetime
    """The newest nightly moment at the snapshot's as-of, by the release's own clock."""
    files: Files

    @property
    def features_key(self) -> str:
        """What the gateway asks for, which knows the bundle alone."""
        return release_key(self.released.layout, self.code.digest)

    def read(self) -> dict[str, pa.Table]:
        """Return the rows needed of every table needed."""
        windows = online_windows(self.definition, self.night, with_entities=self.code.has_entities)
        return {
            name: read_rows(
                self.definition,
                self.validated.snapshot,
                name,
                self.files,
                quarantine=self.validated.quarantine,
                first_day=window.first,
                last_day=window.last,
            )
            for name, window in windows.items()
        }


def _plan(definition: ModelDefinition, validated: ValidatedSnapshot, released: ReleasedFeatures, files: Files) -> _Plan:
    schemas = {name: DayTable(of.uri, files).schema(of.version) for name, of in validated.snapshot.tables.items()}
    present = {name: schema.names for name, schema in schemas.items() if schema is not None}
    restored = released.layout.restored(definition, present)
    code = FeatureCode.from_source(released.source)
    night = restored.schedule.latest_moment(validated.snapshot.as_of)
    return _Plan(restored, validated, released, code, night, files)


def _is_sound(known: Materialized, files: Files) -> bool:
    try:
        read_online_inputs(known.uri, known.digest, files)
    except (DigestMismatchError, ErasedError):
        return False
    return True


def _write(plan: _Plan, champion: ChampionVersion, settings: Settings) -> Materialized:
    tables = plan.read()
    history = History(plan.definition, tables if plan.code.has_entities else {})
    entities = plan.code.entity_features(history.at(plan.night), plan.night)
    inputs = OnlineInputs(
        as_of=plan.night,
        features_key=plan.features_key,
        digest="",
        row_types=dict(contract_of(own_columns(tables[plan.definition.data.rows]).schema)),
        entities=entity_tables(entities),
        joined=joined_tables(plan.definition, tables, plan.night - LOOK_BACK),
    )
    uri, digest = write_online_inputs(plan.definition.name, inputs, settings, plan.files)
    released, read_back = plan.released, read_online_inputs(uri, digest, plan.files)
    online = OnlineFeatures(released.layout, plan.code, read_back, released.kinds)
    compared = compare_with_batch(plan.definition, plan.code, tables, entities, online, released.kinds)
    logger.info("%s: online inputs of %s are as a batch's on %d rows", plan.definition.name, plan.night.isoformat(), compared)
    return Materialized(
        model=plan.definition.name,
        release_version=champion.version,
        features_key=plan.features_key,
        as_of=plan.night,
        uri=uri,
        digest=digest,
        entity_rows={name: table.num_rows for name, table in inputs.entities.items()},
        joined_rows={name: table.num_rows for name, table in inputs.joined.items()},
        compared_rows=compared,
        published=False,
    )
