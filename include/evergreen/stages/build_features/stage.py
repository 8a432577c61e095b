"""From a validated snapshot to a feature set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.digests import digest_json
from evergreen.errors import NotEnoughRowsError
from evergreen.features.code import FeatureCode
from evergreen.features.inputs import table_digest
from evergreen.features.windows import last_complete_day
from evergreen.files import Files
from evergreen.results import FeatureSet
from evergreen.stages.build_features.features_by_day import FeatureDays, build_feature_days
from evergreen.stages.build_features.inputs import ValidatedInputs
from evergreen.stages.build_features.labels_by_day import LabelDays, build_label_days
from evergreen.tables.day_table import DayTable
from evergreen.tables.feature_frames import matured_labels
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from evergreen.definitions import ModelDefinition
    from evergreen.results import ValidatedSnapshot
    from evergreen.settings import Settings


def build_features(
    definition: ModelDefinition,
    validated: ValidatedSnapshot,
    settings: Settings,
    *,
    code: FeatureCode | None = None,
    layout: FeatureLayout | None = None,
    first_day: date | None = None,
    excluded_days: Collection[date] = (),
    force: bool = False,
) -> FeatureSet:
    """Compute the features of every complete day, each row from what was known at its own moment.

    Only days whose inputs changed within their look-back are computed; a run that did it all before does nothing.

    Args:
        definition: The model.
        validated: The rows to use.
        settings: Where tables and results are.
        code: Feature code to run in place of the definition's own, such as the champion's.
        layout: How to build in place of the definition's own way, such as the champion's. Labels are today's all the same:
            what came true does not depend on who is asked.
        first_day: First day wanted; default the first of the snapshot.
        excluded_days: Days that nobody is to learn from or to be judged on; their features are built all the same.
        force: Compute every day again; days that come out the same are still not rewritten.

    Raises:
        FeatureError: The feature code broke its contract, or the layout does not fit today's tables.
        NotEnoughRowsError: No day is complete at the as-of.
        StoreUnavailableError: A store did not answer, or another run was writing the same days.
    """
    code = code or FeatureCode.from_path(definition.features_path)
    files = Files.from_settings(settings)
    results = StageResults(settings.results_uri, definition.name, files)
    plan = _plan(definition, validated, files, code, layout)
    key = digest_json(
        {
            "table": table_digest(plan.features.definition, code),
            "layout": plan.layout.digest,
            "label_layout": FeatureLayout.of(definition).digest,
            "label": definition.data.label.model_dump(mode="json"),
            "last_day": str(definition.data.last_day),
            "validated": validated.digest,
            "as_of": validated.snapshot.as_of.isoformat(),
            "first_day": str(first_day),
        }
    )
    known = results.get("build_features", key, FeatureSet)
    is_gone = known is not None and not _is_there(known, files)
    built = results.once(
        "build_features",
        key,
        FeatureSet,
        lambda: _build(plan, settings, results, first_day=first_day, force=force),
        force=force or is_gone,
    )
    excluded = sorted({day for day in excluded_days if built.first_day <= day <= built.last_day})
    return built.model_copy(update={"excluded_days": tuple(excluded)})


@dataclass(frozen=True)
class _Plan:
    """What features and labels are made from."""

    features: ValidatedInputs
    """By the layout asked for."""
    labels: ValidatedInputs
    """By today's definition."""
    code: FeatureCode
    layout: FeatureLayout


def _plan(
    definition: ModelDefinition, validated: ValidatedSnapshot, files: Files, code: FeatureCode, layout: FeatureLayout | None
) -> _Plan:
    labels = ValidatedInputs(definition, validated, files)
    if layout is None:
        return _Plan(labels, labels, code, FeatureLayout.of(definition))
    schemas = {name: DayTable(of.uri, files).schema(of.version) for name, of in validated.snapshot.tables.items()}
    present = {name: schema.names for name, schema in schemas.items() if schema is not None}
    return _Plan(ValidatedInputs(layout.restored(definition, present), validated, files), labels, code, layout)


def _is_there(known: FeatureSet, files: Files) -> bool:
    pinned = ((known.uri, known.version), (known.labels_uri, known.labels_version))
    return all(DayTable(uri, files).has_version(version) for uri, version in pinned)


def _build(plan: _Plan, settings: Settings, results: StageResults, *, first_day: date | None, force: bool) -> FeatureSet:
    days = _complete_days(plan.features, first_day)
    features = build_feature_days(plan.features, plan.code, days, settings, results, force=force)
    if not features.partitions:
        raise _no_rows(plan.features, days)
    labels = build_label_days(plan.labels, settings, results, force=force)
    return _with_label_count(_feature_set(plan, features, labels), plan.features.files)


def _complete_days(inputs: ValidatedInputs, first_day: date | None) -> list[date]:
    last = last_complete_day(inputs.definition, inputs.snapshot.as_of)
    first = max(first_day or inputs.snapshot.first_day, inputs.snapshot.first_day)
    days = [day for day in inputs.raw[inputs.definition.data.rows] if first <= day <= last]
    if not days:
        raise _no_rows(inputs, [first, last])
    return days


def _no_rows(inputs: ValidatedInputs, days: list[date]) -> NotEnoughRowsError:
    return NotEnoughRowsError(
        f"table {inputs.definition.data.rows!r} has no row to predict",
        found=f"days {days[0]} to {days[-1]}, as-of {inputs.snapshot.as_of.isoformat()}",
        allowed="at least one complete day with rows",
        remedy="ask for a later as-of, or bring the missing files to the landing zone",
    )


def _feature_set(plan: _Plan, features: FeatureDays, labels: LabelDays) -> FeatureSet:
    inputs, code = plan.features, plan.code
    slices = tuple(sorted({piece.by for piece in inputs.definition.gate.slices}))
    found = {
        "features": DayTable.snapshot_digest(features.partitions.values()),
        "labels": DayTable.snapshot_digest(labels.partitions.values()),
        "kinds": list(features.kinds.items()),
        "slices": slices,
        "source": code.digest,
    }
    return FeatureSet(
        model=inputs.definition.name,
        as_of=inputs.snapshot.as_of,
        uri=features.uri,
        version=features.version,
        digest=digest_json(found),
        first_day=min(features.partitions),
        last_day=max(features.partitions),
        rows=sum(partition.rows for partition in features.partitions.values()),
        labelled_rows=0,
        numeric=tuple(name for name, kind in features.kinds.items() if kind == "double"),
        categorical=tuple(name for name, kind in features.kinds.items() if kind == "string"),
        slice_columns=slices,
        labels_uri=labels.uri,
        labels_version=labels.version,
        source_digest=code.digest,
        source=code.source,
        layout_digest=plan.layout.digest,
        snapshot_digest=inputs.snapshot.digest,
        built_days=features.built,
    )


def _with_label_count(feature_set: FeatureSet, files: Files) -> FeatureSet:
    days = [
        feature_set.first_day.fromordinal(n)
        for n in range(feature_set.first_day.toordinal(), feature_set.last_day.toordinal() + 1)
    ]
    keys = DayTable(feature_set.uri, files).read(feature_set.version, days=days, columns=["_key"]).column("_key")
    labelled = pc.is_in(keys, value_set=matured_labels(feature_set, files).column("_key"))
    return feature_set.model_copy(update={"labelled_rows": int(np.sum(labelled.to_numpy()))})
