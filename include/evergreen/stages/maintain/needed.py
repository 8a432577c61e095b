"""What must stay: everything that a registered version, or a younger decision, was made from.

A version is trained again from its features, these are built again from its snapshot, and the versions of tables are named by
the results of the stages. So the digests are followed from the bundles down to the snapshots, and whatever result names one of
them stays, with the versions of tables that it names. What cannot be read is kept too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evergreen.files import Files, join_uri
from evergreen.predictors.manifest import MANIFEST_NAME
from evergreen.registry.database import Database
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.version_rows import list_versions
from evergreen.tables.addresses import bundles_uri

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.settings import Settings


@dataclass(frozen=True)
class Needed:
    """What reproduction of one model rests on."""

    bundles: frozenset[str]
    """Digests of the bundles that stay."""
    digests: frozenset[str]
    """Those, and the digests of what they were made from: a result that names one of them stays."""
    decisions: frozenset[str]
    """Ids of the decisions whose evidence and pages stay: verdicts that promoted, and younger ones."""
    pages: frozenset[str] = field(default=frozenset())
    """Addresses of pages that decisions name, of which something came."""


def find_needed(settings: Settings, model: str, *, since: datetime) -> Needed:
    """Find what must stay.

    Args:
        settings: Where things are.
        model: Name of the model.
        since: Verdicts from then on are younger ones.

    Raises:
        DigestMismatchError: A record was changed: nothing may be concluded from it.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    with Database(settings.database_url).reading() as connection:
        bundles = {version.bundle_digest for version in list_versions(connection, model)}
    decisions, pages = set(), set()
    for record in DecisionStore(settings.database_url).list(model):
        if record.recorded_at is None or record.recorded_at >= since or record.challenger_digest in bundles:
            decisions.add(record.id)
            pages.add(record.report_uri)
            bundles |= {record.challenger_digest, *([record.champion_digest] if record.champion_digest else [])}
    pages |= {night.report_uri for night in NightStore(settings.database_url).acted(model)}
    digests = {*bundles, *decisions}
    features = {_features_digest(join_uri(bundles_uri(settings, model), digest), files) for digest in bundles} - {""}
    snapshots = set()
    for value in read_results(settings, model, "build_features", files).values():
        if isinstance(value, dict) and value.get("digest") in features:
            snapshots.add(str(value.get("snapshot_digest")))
    return Needed(frozenset(bundles), frozenset(digests | features | snapshots), frozenset(decisions), frozenset(pages))


def read_results(settings: Settings, model: str, stage: str, files: Files) -> dict[str, Any]:
    """Return the results that a stage has kept, by address; None in place of one that cannot be read."""
    found: dict[str, Any] = {}
    for info in files.list(join_uri(settings.results_uri, model, stage)):
        if info.uri.endswith(".json"):
            try:
                found[info.uri] = json.loads(files.read_bytes(info.uri))
            except ValueError:
                found[info.uri] = None
            except FileNotFoundError:
                continue
    return found


def _features_digest(bundle_uri: str, files: Files) -> str:
    """Return which features a bundle was trained on; empty where it is gone."""
    try:
        return str(json.loads(files.read_bytes(join_uri(bundle_uri, MANIFEST_NAME))).get("features_digest", ""))
    except (FileNotFoundError, ValueError):
        return ""
