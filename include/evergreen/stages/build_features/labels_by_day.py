"""Labels by day, as far as they had matured at the as-of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime

from evergreen.digests import digest_json
from evergreen.errors import StoreUnavailableError
from evergreen.features.labels import labels_of
from evergreen.results import Result
from evergreen.stages.build_features.inputs import ValidatedInputs, runs_of_days
from evergreen.tables.addresses import labels_uri
from evergreen.tables.day_table import DayTable, Partition

if TYPE_CHECKING:
    from evergreen.settings import Settings
    from evergreen.tables.stage_results import StageResults


class LabelledDay(Result):
    """One day in the table, and what it was made from."""

    inputs: str
    content: str
    settled_from: AwareDatetime | None
    """From this as-of on, every row of the day is readable and the day stays as it is; None while some are not."""


class LabelIndex(Result):
    """What the labels table holds. Losing it costs time, nothing else."""

    days: dict[date, LabelledDay] = {}


@dataclass(frozen=True)
class LabelDays:
    """The labels of the days wanted, in one version of the table."""

    uri: str
    version: int
    partitions: dict[date, Partition]


def build_label_days(inputs: ValidatedInputs, settings: Settings, results: StageResults, *, force: bool) -> LabelDays:
    """Bring the labels of the snapshot's days up to date, in one commit.

    Raises:
        FeatureError: The label rule does not fit its column.
        StoreUnavailableError: Another run wrote other labels for the same days meanwhile.
    """
    definition, as_of = inputs.definition, inputs.snapshot.as_of
    name = definition.data.label.table
    table = DayTable(labels_uri(settings, definition.name), inputs.files)
    index = results.get("build_features", "label-days", LabelIndex) or LabelIndex()
    rule = [
        definition.data.label.model_dump(mode="json"),
        definition.data.tables[name].model_dump(mode="json", exclude={"files"}),
    ]
    wanted = {day: digest_json([rule, digest]) for day, digest in inputs.digests[name].items()}
    version = table.version()
    present = {} if version is None else table.partitions(version)
    missing = [
        day
        for day, digest in wanted.items()
        if force or version is None or not _is_current(index.days.get(day), digest, present, day, as_of)
    ]
    expected = {day: _content(present, day) for day in wanted.keys() - set(missing)}
    if missing or version is None:
        computed, settled = _compute(inputs, name, missing)
        write = table.write_days(computed, metadata={"stage": "build_features", "as_of": as_of.isoformat()})
        present, version = write.partitions, write.version
        fresh = {
            day: LabelledDay(inputs=wanted[day], content=_content(present, day), settled_from=settled.get(day))
            for day in missing
        }
        results.put("build_features", "label-days", LabelIndex(days={**index.days, **fresh}))
    if any(_content(present, day) != content for day, content in expected.items()):
        raise _changed_meanwhile(table.uri)
    return LabelDays(table.uri, version, {day: present[day] for day in wanted if day in present})


def _changed_meanwhile(uri: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        "another run changed the same labels meanwhile",
        found=uri,
        allowed="one run at a time for the same days",
        remedy="run again when the other run has finished",
    )


def _is_current(built: LabelledDay | None, inputs: str, present: dict[date, Partition], day: date, as_of: datetime) -> bool:
    if built is None or built.inputs != inputs or built.content != _content(present, day):
        return False
    return built.settled_from is not None and built.settled_from <= as_of


def _content(partitions: dict[date, Partition], day: date) -> str:
    return partitions[day].digest if day in partitions else ""


def _compute(inputs: ValidatedInputs, name: str, days: list[date]) -> tuple[dict[date, pa.Table], dict[date, datetime]]:
    labels: dict[date, pa.Table] = {}
    settled: dict[date, datetime] = {}
    for run in runs_of_days(days, gap=timedelta(days=7)):
        rows = inputs.read(name, run[0], run[-1])
        for day in run:
            of_day = rows.filter(pc.equal(rows.column("_day"), pa.scalar(day, pa.date32())))
            labels[day] = labels_of(inputs.definition, of_day)
            if of_day.num_rows and of_day.num_rows == inputs.good_rows(name, day):
                settled[day] = pc.max(of_day.column("_available_at")).as_py()
    return labels, settled
