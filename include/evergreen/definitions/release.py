"""Section `release`: how a promoted challenger reaches traffic."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from evergreen.definitions.words import Duration, Section


class Approval(Section):
    """A person looks at the evidence before a promoted challenger is released."""

    response_timeout: Duration = timedelta(hours=24)
    """How long to wait for an answer. The run holds no worker meanwhile; the model's next training waits behind it."""
    default: Literal["approve", "reject"] = "reject"
    """The answer when nobody gives one."""


class ReleasePlan(Section):
    """How a promoted challenger reaches traffic."""

    rollout: Literal["direct"] = "direct"
    """`direct`: the champion alias moves at once, after the smoke test."""
    approval: Approval | None = None
    """Ask a person before a release; none: the gate's verdict is enough."""
    smoke_rows: int = Field(200, ge=1)
    """Stored rows that a fresh process must answer as before."""
    smoke_tolerance: float = Field(1e-6, ge=0)
    """Largest absolute difference of a probability in the smoke test."""
    smoke_memory_mb: float = Field(1500.0, gt=0)
    """Most memory the fresh process may use."""
