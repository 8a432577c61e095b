"""The tasks of `<model>.events`: write down what was asked for, compare, and start what has no run yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

XCom = dict[str, Any]

LARGEST_BATCH = 1000
"""Requests that one wake-up starts; the next one starts the others."""


@task
def take() -> XCom:
    """Write down every request that events or the form make; a wrong one is kept with the reason and holds up no other."""
    from airflow.sdk import get_current_context

    from evergreen.connect.events.heard import listen, remember
    from evergreen.connect.events.intake import take_in
    from evergreen.connect.events.queue import acknowledge

    context = get_current_context()
    definition, settings = _woken_model(context)
    asset = context["task"].inlets[0]
    heard = listen(context, asset)
    asked_at, before = context["dag_run"].run_after, heard.read_before
    taken = take_in(definition, settings, heard.events, context["params"], asked_at, read_before=before)
    # Only what is written down may be forgotten elsewhere.
    acknowledge(definition, taken.receipts)
    remember(context, asset, heard)
    return taken.counts


@task
def compare() -> XCom:
    """Ask for every landed day that is neither done nor asked for; whether anybody spoke of it does not matter."""
    from datetime import UTC, datetime

    from airflow.sdk import get_current_context

    from evergreen.connect.events.landed import requests_for_landed
    from evergreen.registry.requests import RequestStore

    definition, settings = _woken_model(get_current_context())
    missing = requests_for_landed(definition, settings, datetime.now(UTC))
    RequestStore(settings.database_url).record(missing)
    return {"missing": [f"{each.kind} {each.key}" for each in missing]}


@task(trigger_rule="all_done")
def start(taken: XCom | None, compared: XCom | None) -> XCom:
    """Start every request that has no run yet, also when only one of the two ways to it worked; fail if one did not."""
    from airflow.sdk import get_current_context

    from evergreen.connect.events.starting import require_whole, start_runs
    from evergreen.registry.requests import RequestStore

    definition, settings = _woken_model(get_current_context())
    store = RequestStore(settings.database_url)
    started = start_runs(store.without_run(definition.name, limit=LARGEST_BATCH))
    store.mark_started(started.ids)
    require_whole(taken is not None, compared is not None, started.problems)
    return {"begun": list(started.begun), "known": list(started.known)}


def _woken_model(context: Mapping[str, Any]) -> tuple[ModelDefinition, Settings]:
    """Return the model whose events DAG is running, and where things are."""
    from evergreen.definitions import load_definition
    from evergreen.settings import Settings

    settings = Settings()
    return load_definition(settings.definitions_dir / context["dag"].dag_id.partition(".")[0]), settings
