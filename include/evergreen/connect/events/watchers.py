"""What a model's events DAG listens to: its asset, and who wakes it from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, DeltaTriggerTimetable, get_parsing_context

from evergreen.connect.assets import ModelAssets
from evergreen.files import is_s3, join_uri
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.events import Events

MESSAGES_AT_ONCE = 10
"""SQS hands out no more in one answer."""
ANSWERS_AT_ONCE = 5


def requests_asset(definition: ModelDefinition, events: Events) -> Asset:
    """Return the asset whose events carry requests; queue and folder wake it as well."""
    name = definition.name
    # A task needs the asset alone; what watches it costs a third of a second to import.
    watchers = [] if get_parsing_context().dag_id else list(_watchers(definition, events))
    return Asset(name=f"{name}.requests", uri=f"evergreen://{name}/requests", group=name, watchers=watchers)


def wake_up_schedule(definition: ModelDefinition, events: Events, requests: Asset) -> AssetOrTimeSchedule:
    """Return when to wake up: on a request, when another DAG says that data landed, and now and then."""
    landing = ModelAssets.of(definition.name).landing
    return AssetOrTimeSchedule(timetable=DeltaTriggerTimetable(events.sweep), assets=requests | landing)


def _watchers(definition: ModelDefinition, events: Events) -> Iterator[AssetWatcher]:
    settings = Settings()
    if events.queue is not None:
        from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger

        trigger = MessageQueueTrigger(
            scheme="sqs",
            sqs_queue=events.queue.url,
            aws_conn_id=events.queue.connection,
            region_name=events.queue.region,
            waiter_delay=max(1, round(events.queue.every.total_seconds())),
            wait_time_seconds=1,
            max_messages=MESSAGES_AT_ONCE,
            num_batches=ANSWERS_AT_ONCE,
            # A message is deleted when it has been written down, not when it was heard.
            delete_message_on_reception=False,
            visibility_timeout=max(1, round(events.queue.hidden_for.total_seconds())),
        )
        yield AssetWatcher(name="queue", trigger=trigger)
    if events.folder is not None and not is_s3(settings.landing_uri):
        from evergreen.connect.events.folder import LandingFolderTrigger

        folder = join_uri(settings.landing_uri, definition.name)
        yield AssetWatcher(name="folder", trigger=LandingFolderTrigger(folder, events.folder.every.total_seconds()))
