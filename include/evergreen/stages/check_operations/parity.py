"""Whether the gateway computed what training would have: features of logged answers, computed once more from their inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from evergreen.errors import ErasedError, RegistryError, RequestError
from evergreen.features.code import FeatureCode
from evergreen.features.online import NOT_SENT, OnlineFeatures
from evergreen.files import Files, join_uri
from evergreen.predictors.released import read_released
from evergreen.registry.releases import ReleaseRegistry
from evergreen.tables.addresses import online_uri, served_uri
from evergreen.tables.online_inputs import read_online_inputs
from evergreen.tables.served_columns import INPUTS, NUMBER, REQUEST, ROLE, ROW, TEXT
from evergreen.tables.served_roles import ANSWERED
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

MOST_DIFFERENCES = 100
"""Kept with their values; all are counted."""
_BY = ("release_version", "bundle_digest", "online_digest")


@dataclass(frozen=True)
class Difference:
    """One feature of one answer."""

    request_id: str
    row: int
    key: str
    feature: str
    logged: float | str | None
    recomputed: float | str | None


@dataclass
class Parity:
    """What a comparison found."""

    answers: int = 0
    values: int = 0
    different: int = 0
    """Values that are not equal to the last bit; two that are missing are equal."""
    differences: list[Difference] = field(default_factory=list)
    """The first of them."""
    erased: list[str] = field(default_factory=list)
    """Why some answers were left out: what they rest on was erased, when and by whom."""


def recompute_served(
    definition: ModelDefinition, settings: Settings, day: date, *, version: int | None = None, most_answers: int | None = None
) -> Parity:
    """Compute the features of a day's logged answers again, by pandas, from their inputs and the online inputs of that time.

    Args:
        definition: The model.
        settings: Where things are.
        day: Local day of the rows that were asked about.
        version: Version of the table `served`; default the newest.
        most_answers: Look at so many at most, evenly spread; default all.

    Raises:
        RequestError: Inputs were dropped or hashed: nothing can be computed from them.
        UndecidedError: No decision record vouches for the code of a release.
        DigestMismatchError: A bundle or the online inputs are not what they were.
    """
    personal = definition.serving.personal
    if personal.drop or personal.hash:
        raise RequestError(
            "features cannot be recomputed where inputs were dropped or hashed",
            found=f"`serving.personal` names {', '.join([*personal.drop, *personal.hash][:10])}",
            allowed="a model whose inputs are kept as they came",
            remedy="compare a model without personal fields; all are computed by the same code",
        )
    files, found = Files.from_settings(settings), Parity()
    table = ServedTable(served_uri(settings, definition.name), files)
    version = table.version() if version is None else version
    if version is None:
        return found
    features = [name for name in table.columns(version) if name.startswith((NUMBER, TEXT))]
    rows = table.read(version, [day], ["_key", REQUEST, ROW, ROLE, INPUTS, *_BY, *features]).to_pylist()
    rows = [row for row in rows if row[ROLE] in ANSWERED]  # who has not answered has no features
    rows.sort(key=lambda row: tuple(row[name] for name in (*_BY, REQUEST, ROW)))
    if most_answers is not None and len(rows) > most_answers:
        rows = [rows[place * len(rows) // most_answers] for place in range(most_answers)]
    for names, grouped in groupby(rows, key=lambda row: tuple(row[name] for name in _BY)):
        group = list(grouped)
        try:
            online, kinds = _online_features(definition.name, settings, files, *names)
        except ErasedError as error:
            found.erased.append(f"{len(group)} answers are left out: {error.what}")
        else:
            _compare(group, online, kinds, found)
    return found


def _online_features(
    model: str, settings: Settings, files: Files, release_version: str, bundle_digest: str, online_digest: str
) -> tuple[OnlineFeatures, dict[str, str]]:
    registry = ReleaseRegistry(settings)
    release = registry.version(model, release_version)
    if release is None or release.bundle_digest != bundle_digest:
        raise RegistryError(
            "answers were logged of a release that the registry does not know",
            found=f"version {release_version} of {model} with bundle {bundle_digest}",
            allowed="a registered version with that bundle",
            remedy="restore the database from a backup, or compare another day",
        )
    registry.vouch(release)
    released = read_released(files, release)
    inputs = read_online_inputs(join_uri(online_uri(settings, model), online_digest), online_digest, files)
    code = FeatureCode.from_source(released.source)
    return OnlineFeatures(released.layout, code, inputs, released.kinds), released.kinds


def _compare(rows: Sequence[Mapping[str, Any]], online: OnlineFeatures, kinds: Mapping[str, str], found: Parity) -> None:
    inputs = [json.loads(row[INPUTS]) for row in rows]
    fields = dict.fromkeys(name for each in inputs for name in each)
    columns = {name: [each.get(name, NOT_SENT) for each in inputs] for name in fields}
    computed = online.compute(online.rows(columns, absent=NOT_SENT))
    found.answers += len(rows)
    for name, kind in kinds.items():
        stored = (NUMBER if kind == "double" else TEXT) + name
        for row, again in zip(rows, computed[name], strict=True):
            found.values += 1
            value = None if again != again else again  # NaN stands for missing
            if row.get(stored) != value:
                found.different += 1
                if len(found.differences) < MOST_DIFFERENCES:
                    found.differences.append(Difference(row[REQUEST], row[ROW], row["_key"], name, row.get(stored), value))
