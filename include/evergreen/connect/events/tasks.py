"""The tasks of `<model>.events`: write down what was asked for, compare, name what has no run yet, and see that it began."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

XCom = dict[str, Any]

LARGEST_BATCH = 1000
"""Requests that one wake-up starts; Airflow maps a task at most 1024 times. The next wake-up starts the others."""


@task
def take() -> XCom:
    """Write down every request that events or the form make; a wrong one is kept with the reason and holds up no other."""
    from airflow.sdk import get_current_context

    from evergreen.connect.events.heard import listen, remember
    from evergreen.connect.events.intake import take_in
    from evergreen.connect.events.queue import acknowledge
    from evergreen.connect.events.wake_up import woken_model

    context = get_current_context()
    definition, settings = woken_model(context)
    asset = context["task"].inlets[0]
    heard = listen(context, asset)
    taken = take_in(definition, settings, heard.events, context["params"], context["dag_run"].run_after)
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
    from evergreen.connect.events.wake_up import woken_model
    from evergreen.registry.requests import RequestStore

    definition, settings = woken_model(get_current_context())
    missing = requests_for_landed(definition, settings, datetime.now(UTC))
    RequestStore(settings.database_url).record(missing)
    return {"missing": [f"{each.kind} {each.key}" for each in missing]}


@task(trigger_rule="all_done")
def pending() -> list[XCom]:
    """Name every request that has no run yet, also when only one of the two ways to it worked."""
    from airflow.sdk import get_current_context

    from evergreen.connect.events.wake_up import run_arguments, woken_model
    from evergreen.registry.requests import RequestStore

    definition, settings = woken_model(get_current_context())
    return [
        run_arguments(each) for each in RequestStore(settings.database_url).without_run(definition.name, limit=LARGEST_BATCH)
    ]


@task(trigger_rule="all_done")
def confirm(taken: XCom | None, compared: XCom | None, asked: list[XCom] | None) -> XCom:
    """Note which runs exist; fail when a part of this wake-up did, so that it shows. The next wake-up repeats the rest."""
    from airflow.sdk import get_current_context

    from evergreen.connect.events.wake_up import existing_runs, require_whole, woken_model
    from evergreen.registry.requests import RequestStore

    context = get_current_context()
    _, settings = woken_model(context)
    begun = existing_runs(context["ti"], list(asked or []))
    RequestStore(settings.database_url).mark_started(begun)
    require_whole(taken is not None, compared is not None, asked, begun)
    return {"begun": len(begun)}
