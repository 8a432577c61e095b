"""What a person does by hand: `<model>.rollback`, one DAG per model definition."""

from airflow.sdk import DAG

from evergreen.connect.assets import ModelAssets
from evergreen.connect.dag_arguments import dag_arguments, definitions_to_unfold
from evergreen.connect.params import rollback_params
from evergreen.connect.tasks import rollback

DOC = """\
Brings the previous release back, whole: model, feature code, schema, thresholds. Running it again returns to the release
that was taken back."""

for definition in definitions_to_unfold():
    assets = ModelAssets.of(definition.name)
    with DAG(
        **dag_arguments(
            definition,
            "rollback",
            title="Bring the previous release back",
            params=rollback_params(),
            doc=DOC,
        ),
        schedule=None,
    ) as dag:
        rollback.override(outlets=[assets.champion])()
    globals()[dag.dag_id] = dag
