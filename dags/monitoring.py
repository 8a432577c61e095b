"""Watch the champion, find out why, and retrain where it helps: `<model>.monitoring`, one DAG per model definition."""

from airflow.sdk import DAG

from evergreen.connect.assets import ModelAssets
from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.dag_arguments import dag_arguments, definitions_to_unfold, run_limit, timetable
from evergreen.connect.monitoring_tasks import (
    check_drift,
    check_operations,
    check_performance,
    check_quality,
    collect,
    compare,
    decide,
    due,
    probe,
    roll_back,
    tell,
    triage,
)
from evergreen.connect.params import night_params
from evergreen.connect.sagemaker import followed
from evergreen.connect.triggering import trigger_trainings

read_definitions_beside(__file__)

DOC = """\
Every night: bring together what the champion said and what came true, look at it from four sides, find the cause of what is
unusual, and start a training only where a quick refit shows that it would help. A new champion that proves worse than the
one before is taken back.

A run that does nothing is a good run: open **decide** and its report to read why."""

for definition in definitions_to_unfold():
    assets = ModelAssets.of(definition.name)
    with DAG(
        **dag_arguments(
            definition,
            "monitoring",
            title="Watch the champion, and retrain where it helps",
            params=night_params(definition),
            doc=DOC,
        ),
        schedule=timetable(definition, definition.schedule.monitoring),
        deadline=run_limit(definition),
    ) as dag:
        collected = collect.override(inlets=[assets.predictions])()
        checks = [check(collected) for check in (check_quality, check_drift, check_performance, check_operations)]
        triaged = triage(collected, checks)
        probed = probe.override(pool="training", queue="train")(collected, triaged)
        compared = compare(collected)
        decided = decide.override(outlets=[assets.decisions])(collected, checks, triaged, probed, compared)
        tell(decided)
        followed(definition, roll_back.override(outlets=[assets.champion])(decided))
        trigger_trainings(due(decided))
    globals()[dag.dag_id] = dag
