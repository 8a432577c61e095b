"""The form of `<model>.events`: a request by hand, or by a POST whose body Airflow itself refuses when it is wrong."""

from __future__ import annotations

from airflow.sdk import Param

from evergreen.connect.events.bodies import KEY_PATTERN
from evergreen.connect.run import AS_OF_PATTERN


def events_params() -> dict[str, Param]:
    """Fields of the form; all empty: only look at what is there."""
    return {
        "starts": Param(
            None,
            type=["null", "string"],
            enum=[None, "scoring", "training"],
            title="Starts",
            description="What to start. Empty: only compare what has landed with what was done.",
        ),
        "key": Param(
            None,
            type=["null", "string"],
            pattern=KEY_PATTERN,
            title="Key",
            description="Your own name of this unit of work; the same key never starts it twice.",
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            pattern=AS_OF_PATTERN,
            title="As-of",
            description="The moment the run pretends it is. Empty: the newest nightly moment.",
        ),
        "reason": Param(None, type=["null", "string"], maxLength=300, title="Reason", description="Why; kept with the run."),
        "params": Param({}, type="object", title="Params", description="Other fields of the form of the run that is started."),
    }
