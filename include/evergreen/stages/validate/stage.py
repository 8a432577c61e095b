"""The stage: measure every table, decide, write the page, and keep what was accepted."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from evergreen.definitions.validation import TableValidation
from evergreen.digests import digest_json
from evergreen.files import Files
from evergreen.reports.validation_report import render_validation_page
from evergreen.results import Check, CheckOutcome, Result, Snapshot, TableVersion, ValidatedSnapshot
from evergreen.stages.validate.decision import decide, failures
from evergreen.stages.validate.expectations import GreatExpectations
from evergreen.stages.validate.failure import validation_error
from evergreen.stages.validate.measuring import MeasuredTable, measure_table
from evergreen.stages.validate.nights import Night, load_history, record_night
from evergreen.stages.validate.pages import table_section
from evergreen.stages.validate.quarantine import keep_quarantine
from evergreen.stages.validate.reading import TableJob
from evergreen.stages.validate.records import RULES_VERSION, keep_accepted, load_accepted, rules_digest
from evergreen.tables.addresses import quarantine_uri, report_uri, validations_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)
STAGE = "validate"


class JudgedNight(Result):
    """What is remembered of a night: the same rows and rules give the same answer without being judged again."""

    validated: ValidatedSnapshot | None
    """None when the night failed."""
    failed: tuple[Check, ...]
    report_uri: str


def validate(definition: ModelDefinition, snapshot: Snapshot, settings: Settings, *, force: bool = False) -> ValidatedSnapshot:
    """Judge the days of a snapshot that have not been judged before, and set bad rows aside.

    The page is written whether the night passes or not. Nothing is set aside and no day counts as judged unless all tables
    pass. A night that failed fails again at once, with the same words, until rows or rules change or `force` is given.

    Args:
        definition: The model.
        snapshot: The rows a run may use.
        settings: Where things are.
        force: Judge again even if the same night was judged before; days accepted earlier stay accepted.

    Raises:
        DataValidationError: A check failed.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    store = StageResults(settings.results_uri, definition.name, files)
    run = _run_digest(definition, snapshot)
    night = store.once(STAGE, run, JudgedNight, lambda: _judge(definition, snapshot, settings, files, store, run), force=force)
    if night.validated is None:
        raise validation_error(
            definition.name, snapshot.as_of.astimezone(definition.schedule.zone), night.failed, night.report_uri
        )
    return night.validated


def _judge(
    definition: ModelDefinition, snapshot: Snapshot, settings: Settings, files: Files, store: StageResults, run: str
) -> JudgedNight:
    engine = cache(GreatExpectations)
    jobs = [_job(definition, snapshot, settings, files, store, name) for name in definition.data.tables]
    measured = [measure_table(job, engine) for job in jobs]
    checks = decide([table.measurement for table in measured], definition.validation)
    failed = failures(checks)
    page = f"{snapshot.as_of:%Y%m%dT%H%MZ}-{run[:8]}.html"
    uri = report_uri(settings, definition.name, STAGE, page)
    validated = None
    if not failed:
        validated = _accept(definition, snapshot, store, list(zip(jobs, measured, strict=True)), checks, uri)
    night = Night(snapshot.as_of, run, page, checks, [table.measurement for table in measured])
    nights = DayTable(validations_uri(settings, definition.name), files)
    files.write_bytes(uri, _page(definition, snapshot, measured, night, nights).encode())
    record_night(nights, definition.schedule.day_of(snapshot.as_of), night)
    logger.info("%s: %d checks, %d failed; %s", definition.name, len(checks), len(failed), uri)
    return JudgedNight(validated=validated, failed=failed, report_uri=uri)


def _job(
    definition: ModelDefinition, snapshot: Snapshot, settings: Settings, files: Files, store: StageResults, name: str
) -> TableJob:
    table, version = definition.data.tables[name], snapshot.tables[name]
    raw = DayTable(version.uri, files)
    accepted = load_accepted(store, name, rules_digest(definition, name))
    partitions = raw.partitions(version.version)
    quarantine = DayTable(quarantine_uri(settings, definition.name, name), files)
    last_day = min(snapshot.last_day, definition.data.last_day or snapshot.last_day)
    return TableJob(
        name=name,
        table=table,
        rules=definition.validation.tables.get(name, TableValidation()),
        label=definition.data.label if definition.data.label.table == name else None,
        schedule=definition.schedule,
        as_of=snapshot.as_of,
        last_day=last_day,
        raw=raw,
        version=version.version,
        partitions={day: partitions[day] for day in sorted(partitions) if version.first_day <= day <= version.last_day},
        quarantine=quarantine,
        quarantined={day: partition.digest for day, partition in quarantine.partitions().items()},
        accepted={profile.day: profile for profile in accepted.days},
        accepted_gaps=frozenset(accepted.gaps),
    )


def _accept(
    definition: ModelDefinition,
    snapshot: Snapshot,
    store: StageResults,
    tables: list[tuple[TableJob, MeasuredTable]],
    checks: tuple[Check, ...],
    uri: str,
) -> ValidatedSnapshot:
    """Set rows aside, then remember the days: a run killed in between judges those days again."""
    quarantine: dict[str, TableVersion] = {}
    aside: dict[str, dict[str, str]] = {}
    for job, measured in tables:
        kept = keep_quarantine(job, measured)
        gaps = measured.measurement.missing_days
        keep_accepted(store, job.name, rules_digest(definition, job.name), kept.acceptable, gaps)
        aside[job.name] = kept.digests
        if kept.version is not None:
            quarantine[job.name] = kept.version
    return ValidatedSnapshot(
        snapshot=snapshot,
        quarantine=quarantine,
        quarantined_rows={name: version.rows for name, version in quarantine.items()},
        warnings=tuple(_warning(check) for check in checks if check.outcome is CheckOutcome.WARNED),
        report_uri=uri,
        digest=digest_json({"snapshot": snapshot.digest, "quarantine": aside}),
    )


def _page(
    definition: ModelDefinition, snapshot: Snapshot, measured: list[MeasuredTable], night: Night, nights: DayTable
) -> str:
    tables = definition.validation.tables
    sections = [
        table_section(
            table,
            night.checks,
            tables.get(table.measurement.table, TableValidation()),
            definition.data.tables[table.measurement.table].key,
        )
        for table in measured
    ]
    return render_validation_page(
        model=definition.name,
        as_of=snapshot.as_of.astimezone(definition.schedule.zone),
        tables=sections,
        history=load_history(nights, night, definition.schedule.zone),
        snapshot_digest=snapshot.digest,
    )


def _run_digest(definition: ModelDefinition, snapshot: Snapshot) -> str:
    value = [RULES_VERSION, definition.digest("data", "validation", "schedule"), snapshot.digest, snapshot.as_of.isoformat()]
    return digest_json(value)


def _warning(check: Check) -> str:
    return f"{check.table}{f'.{check.target}' if check.target else ''} ({check.name}): {check.found}"
