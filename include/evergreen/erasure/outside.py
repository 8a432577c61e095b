"""What an erasure does not reach, said in sentences: nobody may believe something is erased that is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.erasure.mentions import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.erasure.search import Findings
    from evergreen.settings import Settings


def remarks_on(definition: ModelDefinition, settings: Settings, findings: Findings, texts: Sequence[str]) -> tuple[str, ...]:
    """Return what somebody has to see to, or should know, besides what was found."""
    remarks = [
        "Models: a version that has learned from the rows stays as it is. Train again; once it is champion the rows have no "
        "influence, and older bundles can be removed when nothing rests on them (evergreen maintain).",
        "Other rows' features that were averaged over these rows (entity features) stay until they are computed again.",
        "Backups: every backup made before holds the rows. Begin a new folder and remove the old one; after restoring an old "
        "backup, run this command again before anything else.",
        "Logs, alerts already sent, Airflow's task logs and MLflow's runs are not searched.",
    ]
    if not any(len(text) >= SHORTEST for text in texts):
        remarks.append(
            f"Pages, results, evidence and bundles were not searched: values of fewer than {SHORTEST} characters are in them "
            "by chance, and --again knows hashes alone."
        )
    remarks += _of_joins(definition, findings)
    remarks += _of_sources(definition)
    remarks += _of_spools(definition.name, settings)
    remarks += [f"Landing file that cannot be read, look at it yourself: {uri}" for uri in findings.landing.unread]
    remarks += [f"Online inputs that are damaged, remove the folder: {uri}" for uri in findings.online.unread]
    return tuple(remarks)


def _of_joins(definition: ModelDefinition, findings: Findings) -> list[str]:
    """Say what a joined row has lent to others, where these are not of the same person or thing."""
    data = definition.data
    has_rows = {f"raw/{data.rows}", f"raw/{data.label.table}"} & set(findings.tables)
    lenders = [name for name, table in data.tables.items() if table.join is not None and f"raw/{name}" in findings.tables]
    if has_rows or not lenders:
        return []
    return [
        f"Joined values: rows of {data.rows} took values from the erased rows of {', '.join(lenders)}; their features and "
        f"answers keep them. Erase those by a column that {data.rows} has, if they tell of the person too."
    ]


def _of_sources(definition: ModelDefinition) -> list[str]:
    remarks = []
    queried = [name for name, table in definition.data.tables.items() if table.sql is not None]
    if queried:
        remarks.append(f"Database of {', '.join(queried)}: it is read, not changed. Delete the rows there by its own means.")
    if definition.release.sagemaker is not None:
        remarks.append(
            "SageMaker: packages hold copies of the gateway's inputs, endpoints and batch jobs what they were asked and said. "
            "They are not searched. Bring a new package, then remove the older ones and that data by their means."
        )
    if definition.scoring.sql is not None:
        remarks.append("Database of scoring.sql: the predictions written there stay. Delete them there by its own means.")
    return remarks


def _of_spools(model: str, settings: Settings) -> list[str]:
    spool = Path(settings.home) / "gateway" / "spool"
    segments = [path for path in spool.glob(f"*/{model}/*") if path.is_file()]
    damaged = [path for path in segments if path.suffix == ".damaged"]
    remarks = [f"Damaged part of the gateway's log, kept for a person to look at; remove it: {path}" for path in damaged]
    waiting = len(segments) - len(damaged)
    if waiting:
        remarks.append(
            f"Parts of the gateway's log on this machine that are not shipped yet: {waiting}. Their rows stand on this disk "
            "until they are, and are left out then (within about a minute while the gateway runs)."
        )
    remarks.append(
        "Gateways elsewhere: what they have not shipped is left out when they ship it; look there for *.damaged. Inputs of the "
        f"release they answer by are replaced within seconds, those of earlier ones not: remove gateway/cache/{model}/online."
    )
    return remarks
