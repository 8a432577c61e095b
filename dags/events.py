"""Start what events ask for: `<model>.events`, one DAG per model definition that has a section `events`."""

from airflow.sdk import DAG

from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.connect.dag_arguments import dag_arguments, definitions_to_unfold
from evergreen.connect.events.form import events_params
from evergreen.connect.events.tasks import compare, start, take
from evergreen.connect.events.watchers import requests_asset, wake_up_schedule

read_definitions_beside(__file__)

DOC = """\
An event only wakes this DAG up. It writes down what was asked for, compares the days that have landed with those that were
done, and starts a run for every unit of work that has none, under an id that makes a second one impossible. It also wakes up
by itself, so that a lost event costs minutes."""

for definition in definitions_to_unfold():
    events = definition.events
    if events is None:
        continue
    requests = requests_asset(definition, events)
    arguments = dag_arguments(definition, "events", title="Start what events ask for", params=events_params(), doc=DOC)
    with DAG(
        **{**arguments, "end_date": None},  # a late file or request may come after the last night
        schedule=wake_up_schedule(definition, events, requests),
    ) as dag:
        start(take.override(inlets=[requests])(), compare())
    globals()[dag.dag_id] = dag
