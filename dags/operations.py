"""What a person does by hand: `<model>.promote`, `.rollback` and `.pause_rollout`, for each model definition."""

from airflow.sdk import DAG

from evergreen.connect.assets import ModelAssets
from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.dag_arguments import dag_arguments, definitions_to_unfold
from evergreen.connect.params import pause_params, promote_params, rollback_params
from evergreen.connect.sagemaker import Transform, followed, transform_params
from evergreen.connect.tasks import pause_rollout, promote, rollback

read_definitions_beside(__file__)

PROMOTE = """\
Makes the challenger on trial the champion now, skipping what is left of its trial; or a registered version. The gate is not
skipped, nor the smoke test: the version needs a decision `promote` against the present champion."""

ROLLBACK = """\
Takes back the challenger on trial; the champion stays. Without one, brings the previous release back, whole: model, feature
code, schema, thresholds. Running it again returns to the release that was taken back."""

PAUSE = """\
Keeps the challenger on trial at its present step: neither more traffic nor a release, until it is resumed by the same form.
Beyond its limits it is taken back as ever, and so it is when the step's time is up (`release.trial.give_up_after`)."""

TRANSFORM = """\
Asks the champion about files on S3 by a batch transform of SageMaker's, and counts the answers before it succeeds."""

for definition in definitions_to_unfold():
    assets = ModelAssets.of(definition.name)
    with DAG(
        **dag_arguments(
            definition,
            "promote",
            title="Make a challenger the champion by hand",
            params=promote_params(),
            doc=PROMOTE,
        ),
        schedule=None,
    ) as dag:
        followed(definition, promote.override(outlets=[assets.champion])(), own_release="promote")
    globals()[dag.dag_id] = dag

    with DAG(
        **dag_arguments(
            definition,
            "rollback",
            title="Take the last release back",
            params=rollback_params(),
            doc=ROLLBACK,
        ),
        schedule=None,
    ) as dag:
        followed(definition, rollback.override(outlets=[assets.champion])())
    globals()[dag.dag_id] = dag

    with DAG(
        **dag_arguments(
            definition,
            "pause_rollout",
            title="Pause the challenger's trial, or let it go on",
            params=pause_params(),
            doc=PAUSE,
        ),
        schedule=None,
    ) as dag:
        pause_rollout()
    globals()[dag.dag_id] = dag

    if definition.release.target == "sagemaker":
        with DAG(
            **dag_arguments(
                definition,
                "transform",
                title="Ask the champion about files on S3",
                params=transform_params(),
                doc=TRANSFORM,
            ),
            schedule=None,
        ) as dag:
            Transform(task_id="transform")
        globals()[dag.dag_id] = dag
