"""Start what was decided on and never began, and end or tell of what nobody watches: `evergreen.sweep`, for all models."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable

from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.monitoring_tasks import due_of_all, end_forgotten_rollouts, look_for_silence, tell_again
from evergreen.connect.triggering import trigger_trainings

read_definitions_beside(__file__)

DOC = """\
A decision to train is kept before its training is triggered. Whatever gets lost in between (a killed scheduler, a deleted
run) is found here: every decision whose training never began is triggered again, under the same run id, so that none runs
twice. A model whose champion nobody has watched for longer than `monitoring.operations.max_hours_unwatched` is told of. A
challenger whose trial has expired, or whose training run is over, is taken back. A message that could not be delivered is sent
again."""

with DAG(
    dag_id="evergreen.sweep",
    dag_display_name="evergreen · sweep",
    description="Start what was decided on and never began",
    doc_md=DOC,
    schedule=DeltaTriggerTimetable(timedelta(minutes=10)),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,  # what it looks for is what nobody thinks of
    tags=["evergreen"],
    default_args={"owner": "evergreen", "retries": 1, "retry_delay": timedelta(minutes=1)},
) as dag:
    trigger_trainings(due_of_all())
    look_for_silence()
    end_forgotten_rollouts()
    tell_again()
