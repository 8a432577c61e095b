"""Remove what nothing rests on any more, every week: `evergreen.maintenance`, for all models."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param, chain

from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.maintenance_tasks import clear, erase_again, fail_if_any_did, models
from evergreen.definitions.retention import KINDS

read_definitions_beside(__file__)

DOC = """\
Every Sunday at noon UTC, for each model: **erase_again** takes out what runs that were going on during an `evergreen forget`
have brought back since. Then, for each kind of what is kept: find what is older than the model's `retention` and what no
registered version, no younger decision and no remaining result rests on, write its names down below
`artifacts/<model>/maintenance/`, and remove it. The landing zone is never touched.

Trigger it with **dry_run** to have every file named in the tasks' logs, with its size, and none removed."""

with DAG(
    dag_id="evergreen.maintenance",
    dag_display_name="evergreen · maintenance",
    description="Remove what nothing rests on any more",
    doc_md=DOC,
    schedule=CronTriggerTimetable("0 12 * * 0", timezone="UTC"),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "dry_run": Param(False, type="boolean", title="Dry run", description="Name what would be removed, and remove nothing."),
        "model": Param(None, type=["null", "string"], title="Model", description="This model alone. Empty: all of them."),
    },
    tags=["evergreen"],
    default_args={
        "owner": "evergreen",
        "retries": 1,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(hours=2),
    },
) as dag:
    named = models()
    erased = erase_again.expand(model=named)
    cleared = [clear.override(task_id=f"clear_{kind}").partial(kind=kind).expand(model=named) for kind in KINDS]
    chain(named, erased, *cleared)
    [named, erased, *cleared] >> fail_if_any_did()
