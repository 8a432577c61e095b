"""The forms behind Airflow's trigger button: every field checked, described and optional."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Param

from evergreen.connect.run import AS_OF_PATTERN

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition


def night_params(definition: ModelDefinition) -> dict[str, Param]:
    """Fields of the forms of scoring and monitoring."""
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            pattern=AS_OF_PATTERN,
            title="As-of",
            description=f"The moment the run pretends it is: a date (its {definition.schedule.at} in "
            f"{definition.schedule.timezone}) or a moment with its offset. Empty: the run's own night.",
        ),
        "force": Param(False, type="boolean", title="Force", description="Do the work again even where it is already done."),
        "reason": Param(None, type=["null", "string"], maxLength=500, title="Reason", description="Why; kept with the run."),
    }


def training_params(definition: ModelDefinition) -> dict[str, Param]:
    """Fields of the training form."""
    training = definition.training
    defined = training.model_dump(mode="json")
    return {
        **night_params(definition),
        "window": Param(
            None,
            type=["null", "string"],
            pattern=r"^(all|\d+(d|w))$",
            title="Window",
            description=f"History to learn from, such as 90d, or all. Empty: as defined ({defined['window']}).",
        ),
        "candidates": Param(
            list(training.candidates),
            type="array",
            items={"type": "string", "enum": list(training.candidates)},
            minItems=1,
            uniqueItems=True,
            title="Candidates",
            description="What to train; the baseline always is.",
            examples=list(training.candidates),
        ),
        "trials": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=1000,
            title="Trials",
            description=f"Budget of the hyper-parameter search. Empty: as defined ({training.search.trials}).",
        ),
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Stop after the gate: decide and record, but release nothing."
        ),
        "decision": Param(
            None,
            type=["null", "string"],
            pattern=r"^[0-9a-f]{32}$",
            title="Decision",
            description="The decision of monitoring that this training follows; set by the run that triggers it.",
        ),
    }


def promote_params() -> dict[str, Param]:
    """Fields of the form to promote by hand."""
    return {
        "reason": _why("Why the version is released."),
        "version": Param(
            None,
            type=["null", "string"],
            pattern=r"^[1-9][0-9]{0,9}$",
            title="Version",
            description="A registered version. Empty: the challenger on trial.",
        ),
    }


def rollback_params() -> dict[str, Param]:
    """Fields of the rollback form."""
    return {"reason": _why("Why the challenger on trial, or else the champion, is taken back.")}


def pause_params() -> dict[str, Param]:
    """Fields of the form that pauses a rollout or resumes it."""
    return {
        "reason": _why("Why the rollout is paused or resumed."),
        "resume": Param(False, type="boolean", title="Resume", description="Let a paused rollout go on."),
    }


def _why(description: str) -> Param:
    return Param("", type="string", minLength=3, maxLength=500, title="Reason", description=description)
