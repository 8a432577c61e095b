"""Watching a challenger on trial from Airflow's triggerer, for as long as a step of its rollout takes."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from evergreen.connect.trials import is_held_up, look_at_step, unseen
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLIND_SECONDS = 300.0
BLIND_LOOKS = 3
"""Looks that fail so often, and for so long, end the step: nobody tries out what nobody can see."""

_log = logging.getLogger(__name__)


class TrialTrigger(BaseTrigger):
    """Looks at the answers until the step is over; what it knows is in its arguments, so that another triggerer can go on.

    A look that fails is taken again at the next turn, whatever made it fail. Where nothing else comes for `BLIND_SECONDS`, the
    challenger is taken back. A task that waits here holds no worker.

    Args:
        model: Name of the model.
        rollout_id: The decision that is rolled out.
        version: The challenger.
        step: From 1.
        every_seconds: Time between two looks.
    """

    def __init__(self, model: str, rollout_id: str, version: str, step: int, every_seconds: float) -> None:
        super().__init__()
        self.model = model
        self.rollout_id = rollout_id
        self.version = version
        self.step = step
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger in any triggerer."""
        names = ("model", "rollout_id", "version", "step", "every_seconds")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the look that ended the step."""
        seen_at, patience = monotonic(), max(BLIND_SECONDS, BLIND_LOOKS * self.every_seconds)
        while True:
            # Also before the first look: a scheduler may call a task failed that goes on before it has heard that it waits.
            await asyncio.sleep(self.every_seconds)
            try:
                # Reading a table takes a moment, which the other triggers of the process must not wait for.
                look = await asyncio.to_thread(look_at_step, Settings(), self.model, self.rollout_id, self.step)
            except Exception as error:
                _log.warning("%s, step %d: the answers could not be looked at", self.model, self.step, exc_info=True)
                blind_seconds = monotonic() - seen_at
                if blind_seconds >= patience:
                    look = unseen(self.model, self.rollout_id, self.version, self.step, blind_seconds, error)
                    yield TriggerEvent(look.to_xcom())
                    return
            else:
                seen_at = monotonic()
                if look.outcome != "wait":
                    yield TriggerEvent(look.to_xcom())
                    return


class ResumeTrigger(BaseTrigger):
    """Waits while a person keeps a rollout from going on to its next step.

    Args:
        model: Name of the model.
        rollout_id: The decision that is rolled out.
        every_seconds: Time between two looks.
    """

    def __init__(self, model: str, rollout_id: str, every_seconds: float) -> None:
        super().__init__()
        self.model = model
        self.rollout_id = rollout_id
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger in any triggerer."""
        names = ("model", "rollout_id", "every_seconds")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, once it may go on, has ended or has expired."""
        while True:
            await asyncio.sleep(self.every_seconds)
            try:
                if not await asyncio.to_thread(is_held_up, Settings(), self.model, self.rollout_id):
                    yield TriggerEvent({"model": self.model})
                    return
            except Exception:
                _log.warning("%s: where its rollout stands could not be read", self.model, exc_info=True)
