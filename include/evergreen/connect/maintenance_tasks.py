"""The tasks of the weekly maintenance: each a lazy import and one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import task

if TYPE_CHECKING:
    from evergreen.connect.tasks import XCom
    from evergreen.definitions.retention import Kind


@task
def models() -> list[str]:
    """Name the models whose definition can be read; the others are told of by their own DAG file."""
    from evergreen.connect.run import asked_for
    from evergreen.definitions import read_definitions
    from evergreen.settings import Settings

    wanted = asked_for("model")
    return sorted(name for name in read_definitions(Settings().definitions_dir).sound if wanted in (None, "", name))


@task(map_index_template="{{ model }}")
def erase_again(model: str) -> dict[str, int]:
    """Take out what runs that were going on during an erasure have brought back; nothing where nothing was ever erased."""
    import logging

    from evergreen.connect.run import asked_for
    from evergreen.definitions import load_definition
    from evergreen.erasure.forgetting import forget_again
    from evergreen.settings import Settings

    if asked_for("dry_run"):
        return {"erasures": 0, "rows": 0, "waiting": 0}
    settings = Settings()
    reports = forget_again(load_definition(settings.definitions_dir / model), settings, actor="evergreen.maintenance")
    done = {
        "erasures": len(reports),
        "rows": sum(found.rows for report in reports for found in report.findings.tables.values()),
        "waiting": sum(report.waiting for report in reports),
    }
    logging.getLogger(__name__).info("erased again of %s: %s", model, done)
    return done


@task(trigger_rule="one_failed", retries=0)
def fail_if_any_did() -> None:
    """Make the run fail where any of its tasks did: by itself only its last one would count."""
    from evergreen.errors import RunFailedError

    raise RunFailedError(
        "maintenance is not done",
        found="a task that failed; the others have done their part",
        allowed="every task successful",
        remedy="read the log of the failed task, mend the cause and clear the task; next week's run does it all again as well",
    )


@task(map_index_template="{{ model }}", trigger_rule="all_done")
def clear(kind: Kind, model: str) -> XCom:
    """Remove one kind of what nothing rests on any more of one model, written down first; in a dry run only name it."""
    import logging

    from evergreen.connect.run import asked_for
    from evergreen.definitions import load_definition
    from evergreen.settings import Settings
    from evergreen.stages.maintain import maintain

    settings, dry_run = Settings(), bool(asked_for("dry_run"))
    done, removal = maintain(load_definition(settings.definitions_dir / model), settings, kind, dry_run=dry_run)
    for each in removal.files if dry_run else ():
        logging.getLogger(__name__).info("would remove %s (%d bytes)", each.uri, each.size_bytes)
    return done.to_xcom()
