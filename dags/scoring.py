"""Score the newest complete day with the champion: `<model>.scoring`, one DAG per model definition."""

from airflow.sdk import DAG

from evergreen.connect.assets import ModelAssets
from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.dag_arguments import dag_arguments, definitions_to_unfold, run_limit, timetable
from evergreen.connect.params import night_params
from evergreen.connect.sagemaker import followed
from evergreen.connect.tasks import build_champion_features, ingest, materialize, score, validate

read_definitions_beside(__file__)

DOC = """\
Every night: take in and check the new day, build its features with the champion's own code, as each row could have known
them, and write what the champion says into `predictions`. A day already scored by the same release is left alone, so a
backfill over a range costs only what is missing; days that earlier nights missed are caught up on (`schedule.catch_up`).
Beside it, **materialize** publishes what the gateway needs to answer requests of the coming day."""

for definition in definitions_to_unfold():
    assets = ModelAssets.of(definition.name)
    with DAG(
        **dag_arguments(
            definition,
            "scoring",
            title="Score the newest complete day",
            params=night_params(definition),
            doc=DOC,
        ),
        schedule=timetable(definition, definition.schedule.scoring),
        deadline=run_limit(definition),
    ) as dag:
        validated = validate(ingest.override(inlets=[assets.landing])())
        features = build_champion_features.override(inlets=[assets.champion], outlets=[assets.features])(validated)
        score.override(outlets=[assets.predictions])(features)
        published = materialize.override(outlets=[assets.online])(validated)
        features >> published
        followed(definition, published)
    globals()[dag.dag_id] = dag
