"""All that is known of a challenger on trial, gathered from the table of answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from evergreen.definitions.release import RolloutStep
from evergreen.files import Files
from evergreen.stages.rollout.asked import COLUMNS, AskedRequests, asked_requests
from evergreen.stages.rollout.measuring import (
    SECOND_US,
    commonest_errors,
    compare_answers,
    count_failures,
    count_slow,
    draw_course,
    measure_speed,
)
from evergreen.tables.addresses import served_uri
from evergreen.tables.served_columns import SERVED
from evergreen.tables.served_table import ServedTable
from evergreen.trial_evidence import StepOfTrial, TrialEvidence

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.release import BehaviourLimits
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.settings import Settings
    from evergreen.stages.rollout.standing import Standing

CLOCKS_APART = timedelta(minutes=5)
"""By so much a gateway's clock may be behind; records of a rollout are known by its id, the clock only saves reading."""


def gather(definition: ModelDefinition, standing: Standing, settings: Settings, *, now: datetime) -> TrialEvidence:
    """Read everything that was shipped of a trial since its first step, and measure it.

    Args:
        definition: The model; its limits and steps as they are now.
        standing: Where the rollout stands.
        settings: Where things are.
        now: The moment of the look.

    Raises:
        DataError: The table of answers cannot be read.
        StoreUnavailableError: The store did not answer.
    """
    event = standing.newest
    table = ServedTable(served_uri(settings, definition.name), Files.from_settings(settings))
    version = table.version()
    records = pa.schema([(name, dict(SERVED)[name]) for name in COLUMNS]).empty_table()
    if version is not None:
        since = standing.trial_began_at - CLOCKS_APART
        found = table.read_rollout(version, event.rollout_id, COLUMNS, since=since)
        records = found if found.num_rows else records
    return measure(
        asked_requests(records, event.version),
        event,
        step_of(definition, standing),
        definition.release.trial.limits,
        began_at=standing.trial_began_at,
        now=now,
        table_version=-1 if version is None else version,
    )


def step_of(definition: ModelDefinition, standing: Standing) -> StepOfTrial:
    """Return the step that is waited for, and what it takes to pass it."""
    event, steps = standing.newest, definition.release.steps
    # A definition may have changed since the step began, and have fewer steps now.
    plan = steps[min(event.step, len(steps)) - 1] if steps else RolloutStep(share=event.share)
    return StepOfTrial(
        mode=event.mode,
        number=event.step,
        steps=event.steps,
        share=event.share,
        began_at=standing.began.happened_at,
        hold_seconds=plan.hold.total_seconds(),
        min_requests=plan.min_requests,
        expires_at=event.expires_at,
        paused=standing.paused,
    )


def measure(
    asked: AskedRequests,
    event: RolloutEvent,
    step: StepOfTrial,
    limits: BehaviourLimits,
    *,
    began_at: datetime,
    now: datetime,
    table_version: int,
) -> TrialEvidence:
    """Measure the requests that a challenger was asked.

    Args:
        asked: The requests.
        event: Where the rollout stands.
        step: The step that is looked at.
        limits: What the challenger may do.
        began_at: When the first step began.
        now: The moment of the look.
        table_version: Which version of the table was read.
    """
    in_step = asked.answered_at_us >= int(step.began_at.timestamp() * SECOND_US)
    return TrialEvidence(
        model=event.model,
        rollout_id=event.rollout_id,
        version=event.version,
        champion_version=event.champion_version,
        step=step,
        limits=limits,
        looked_at=now,
        began_at=began_at,
        table_version=table_version,
        step_requests=int(in_step.sum()),
        failures=count_failures(asked),
        errors=commonest_errors(asked),
        slow=count_slow(asked, limits.max_slowdown),
        compared=compare_answers(asked),
        speed=measure_speed(asked),
        worker_mb=float(np.max(asked.worker_mb)) if (asked.worker_mb > 0).any() else None,
        strange=asked.strange,
        course=draw_course(asked, began_at, now),
    )
