"""Train, judge and release: `<model>.training`, one DAG per model definition."""

from airflow.sdk import DAG, chain

from evergreen.connect.approval import approval_task
from evergreen.connect.assets import ModelAssets
from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.dag_arguments import candidate_names, dag_arguments, definitions_to_unfold, timetable
from evergreen.connect.params import training_params
from evergreen.connect.rollout import rollout_tasks
from evergreen.connect.sagemaker import followed
from evergreen.connect.tasks import (
    build_features,
    clean_up,
    evaluate,
    gate,
    ingest,
    materialize,
    prepare,
    register,
    release,
    smoke_test,
    train,
    validate,
)

read_definitions_beside(__file__)

DOC = """\
Every run: take in what is new, check it, build features, train the candidates, judge the best of them against the
champion on rows that neither has seen, and release it only when it is better beyond chance. After a release, **materialize**
publishes what the gateway needs to answer with it; if that fails, the release stands and the task is to be repeated.
Where the definition has `release.approval`, **approve** waits for a person's answer before the release. Where it has another
`release.rollout` than `direct`, **prepare** publishes what the challenger needs, and one task per step tries it out on live
requests, beside the champion; a challenger that is taken back skips the rest. Where `release.target` is `sagemaker`,
**endpoint** brings the endpoint to the release and verifies what answers; a release that it will not keep is taken back.

A run that releases nothing is a good run: open **gate** and its report to read why."""

for definition in definitions_to_unfold():
    assets = ModelAssets.of(definition.name)
    with DAG(
        **dag_arguments(
            definition,
            "training",
            title="Train, judge and release",
            params=training_params(definition),
            doc=DOC,
        ),
        schedule=timetable(definition, definition.schedule.training),
    ) as dag:
        snapshot = ingest.override(inlets=[assets.landing])()
        validated = validate(snapshot)
        features = build_features.override(outlets=[assets.features])(validated)
        learning = train.override(pool="training", queue="train").partial(features=features)
        candidates = learning.expand(name=candidate_names(definition))
        evaluation = evaluate(validated, features, candidates)
        verdict = gate(evaluation)
        version = register(verdict)
        tested = smoke_test(version, features, evaluation)
        question = approval_task(definition)
        if question is not None:
            tested >> question
        answer = None if question is None else question.output
        released = release.override(outlets=[assets.champion])(tested, verdict, answer)
        steps = rollout_tasks(definition)
        if steps:
            prepared = prepare.override(outlets=[assets.online])(validated, tested)
            chain(question or tested, prepared, *steps, released)
        published = materialize.override(outlets=[assets.online])(validated)
        released >> published
        followed(definition, published, own_release="release") >> clean_up().as_teardown()
    globals()[dag.dag_id] = dag
