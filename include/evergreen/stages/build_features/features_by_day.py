"""Features of the days wanted: those whose inputs changed are computed, the others are already there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import StoreUnavailableError
from evergreen.features.days import build_days
from evergreen.features.inputs import input_digests, table_digest
from evergreen.features.windows import raw_windows
from evergreen.results import Result
from evergreen.stages.build_features.inputs import ValidatedInputs, runs_of_days
from evergreen.tables.addresses import features_uri
from evergreen.tables.day_table import DayTable, Partition

if TYPE_CHECKING:
    from evergreen.features.code import FeatureCode
    from evergreen.settings import Settings
    from evergreen.tables.stage_results import StageResults

logger = logging.getLogger(__name__)

READ_TOGETHER = timedelta(days=14)
"""Days nearer than this are read at once, with what lies between."""


class BuiltDay(Result):
    """One day in the table, and what it was made from."""

    inputs: str
    content: str
    """Content digest of the day; empty when it has no rows."""


class FeatureIndex(Result):
    """What a features table holds. Losing it costs time, nothing else."""

    days: dict[date, BuiltDay] = {}
    kinds: dict[str, str] = {}


@dataclass(frozen=True)
class FeatureDays:
    """The days wanted, in one version of the table."""

    uri: str
    version: int
    partitions: dict[date, Partition]
    """The days wanted that have rows."""
    kinds: dict[str, str]
    built: int


def build_feature_days(
    inputs: ValidatedInputs, code: FeatureCode, days: list[date], settings: Settings, results: StageResults, *, force: bool
) -> FeatureDays:
    """Bring every day wanted up to date, in one commit.

    Raises:
        FeatureError: The user's code broke its contract.
        StoreUnavailableError: Another run wrote other rows for the same days meanwhile.
    """
    layout = table_digest(inputs.definition, code)
    table = DayTable(features_uri(settings, inputs.definition.name, layout), inputs.files)
    index = results.get("build_features", f"days-{layout}", FeatureIndex) or FeatureIndex()
    wanted = input_digests(inputs.definition, code, inputs.digests, days, inputs.snapshot.as_of)
    present = table.partitions()
    known = {day: built for day, built in index.days.items() if built.content == _content(present, day)}
    missing = [day for day in days if force or day not in known or known[day].inputs != wanted[day]]
    expected = {day: known[day].content for day in days if day not in missing}
    kinds, version = dict(index.kinds), table.version()
    if missing:
        computed, kinds = _compute(inputs, code, missing, kinds if known else {})
        write = table.write_days(computed, metadata={"stage": "build_features", "as_of": inputs.snapshot.as_of.isoformat()})
        present, version = write.partitions, write.version
        fresh = {day: BuiltDay(inputs=wanted[day], content=_content(present, day)) for day in missing}
        results.put("build_features", f"days-{layout}", FeatureIndex(days={**known, **fresh}, kinds=kinds))
        logger.info("features of %d days computed, %d were already there", len(missing), len(days) - len(missing))
    if version is None or any(_content(present, day) != content for day, content in expected.items()):
        raise StoreUnavailableError(
            "another run changed the same features meanwhile",
            found=table.uri,
            allowed="one run at a time for the same days and the same feature code",
            remedy="run again when the other run has finished",
        )
    return FeatureDays(table.uri, version, {day: present[day] for day in days if day in present}, kinds, len(missing))


def _content(partitions: dict[date, Partition], day: date) -> str:
    return partitions[day].digest if day in partitions else ""


def _compute(
    inputs: ValidatedInputs, code: FeatureCode, days: list[date], kinds: dict[str, str]
) -> tuple[dict[date, pa.Table], dict[str, str]]:
    computed: dict[date, pa.Table] = {}
    for run in runs_of_days(days, gap=READ_TOGETHER):
        first, last = (raw_windows(inputs.definition, day, with_entities=code.has_entities) for day in (run[0], run[-1]))
        tables = {name: inputs.read(name, first[name].first, last[name].last) for name in first}
        built = build_days(inputs.definition, code, tables, run, known_kinds=kinds)
        computed |= built.days
        kinds = kinds | built.kinds
    nothing = next(iter(computed.values())).schema.empty_table() if computed else pa.table({"_key": pa.array([], pa.string())})
    return {day: computed.get(day, nothing) for day in days}, kinds
