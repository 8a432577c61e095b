"""What stages left behind in tables and files."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from evergreen.files import is_s3, join_uri
from evergreen.results import Candidate, Evaluation, Result
from evergreen.status.answers import DiskUse, ScoredDays, ValidationNight
from evergreen.tables.addresses import predictions_uri, report_uri, validations_uri
from evergreen.tables.day_table import DayTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.files import Files
    from evergreen.settings import Settings

R = TypeVar("R", bound=Result)
_NEWEST_FILES = 20
_MISSING_DAYS = 10


def newest_candidates(settings: Settings, model: str, files: Files) -> tuple[Candidate, ...]:
    """Return the newest trained candidate of each name, in order of name."""
    newest: dict[str, Candidate] = {}
    for candidate in _newest(settings, model, "train", Candidate, files):
        newest.setdefault(candidate.name, candidate)
    return tuple(newest[name] for name in sorted(newest))


def newest_evaluation(settings: Settings, model: str, files: Files) -> Evaluation | None:
    """Return the newest evaluation, None before the first."""
    return next(_newest(settings, model, "evaluate", Evaluation, files), None)


def newest_validation(settings: Settings, model: str, files: Files) -> ValidationNight | None:
    """Return the newest run of validation, None before the first."""
    table = DayTable(validations_uri(settings, model), files)
    version = table.version()
    partitions = {} if version is None else table.partitions(version)
    if version is None or not partitions:
        return None
    columns = ["as_of", "run", "report", "table", "name", "target", "outcome", "quarantined_rows"]
    rows = table.read(version, days=[max(partitions)], columns=columns).to_pylist()
    newest = max(row["as_of"] for row in rows)
    last_run = [row for row in rows if row["as_of"] == newest][-1]["run"]
    checks = [row for row in rows if row["as_of"] == newest and row["run"] == last_run]
    names = {
        outcome: tuple(f"{c['table']}: {c['name']} {c['target']}".strip() for c in checks if c["outcome"] == outcome)
        for outcome in ("failed", "warned")
    }
    return ValidationNight(
        as_of=newest,
        failed=names["failed"],
        warned=names["warned"],
        checks=len(checks),
        quarantined_rows={c["table"]: c["quarantined_rows"] for c in checks if c["quarantined_rows"]},
        report_uri=report_uri(settings, model, "validate", checks[0]["report"]),
    )


def scored_days(settings: Settings, model: str, files: Files) -> ScoredDays:
    """Return what `predictions` holds; reads the table's log alone."""
    partitions = DayTable(predictions_uri(settings, model), files).partitions()
    first, last = (min(partitions), max(partitions)) if partitions else (None, None)
    missing = []
    if first is not None and last is not None:
        span = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        missing = [day for day in span if day not in partitions][:_MISSING_DAYS]
    rows = sum(partition.rows for partition in partitions.values())
    return ScoredDays(days=len(partitions), rows=rows, first_day=first, last_day=last, missing_days=tuple(sorted(missing)))


def disk_use(settings: Settings, model: str) -> DiskUse | None:
    """Return the bytes of a model's local stores, None where everything is on S3."""
    roots = {
        "tables": [join_uri(settings.tables_uri, model)],
        "artifacts": [join_uri(settings.artifacts_uri, model), join_uri(settings.artifacts_uri, "mlflow", model)],
        "results": [join_uri(settings.results_uri, model)],
        "reports": [join_uri(settings.reports_uri, model)],
    }
    if all(is_s3(root) for folders in roots.values() for root in folders):
        return None
    return DiskUse(**{f"{name}_bytes": sum(_bytes_below(root) for root in folders) for name, folders in roots.items()})


def _newest(settings: Settings, model: str, stage: str, kind: type[R], files: Files) -> Iterator[R]:
    """Yield a stage's results, newest first; what another version wrote is passed over."""
    folder = join_uri(settings.results_uri, model, stage)
    found = [info for info in files.list(folder) if info.uri.rpartition("/")[0].endswith(f"/{model}/{stage}")]
    kept = sorted((info for info in found if info.uri.endswith(".json")), key=lambda info: info.modified_ns, reverse=True)
    for info in kept[:_NEWEST_FILES]:
        try:
            yield kind.model_validate_json(files.read_bytes(info.uri))
        except (ValidationError, FileNotFoundError):
            continue


def _bytes_below(root: str) -> int:
    if is_s3(root):
        return 0
    sizes: Counter[str] = Counter()
    folders = [root.removeprefix("file://")]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        sizes["bytes"] += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # a file that was replaced while we looked
            continue
    return sizes["bytes"]
