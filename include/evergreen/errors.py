"""Every error Evergreen raises on purpose.

::

    EvergreenError
    ├── DefinitionError          a model.yaml is wrong; every mistake at once      (also ValueError)
    ├── SettingsError            the environment does not say where things are     (also ValueError)
    ├── RequestError             a run was asked for something it cannot do        (also ValueError)
    │   └── CallError            a call to the gateway cannot be answered as it was made
    │       └── AccessError      a call to the gateway came with no key that allows it
    ├── DataError                the data is bad: retrying cannot help
    │   ├── LandingError         a landing file is missing or cannot be read
    │   ├── DataValidationError  an expectation of severity `fail` was not met
    │   ├── FeatureError         features.py broke its contract
    │   ├── ErasedError          what is asked for rested on rows that somebody has had erased
    │   └── NotEnoughRowsError   too few rows to learn or to judge
    ├── RegistryError            the registry refuses
    │   ├── DigestMismatchError  bytes are not the bytes that were decided on
    │   ├── UndecidedError       a release without its decision record
    │   └── PromotionConflictError   somebody else moved the champion meanwhile
    ├── SmokeTestError           a release does not answer as it did when it was judged
    ├── DeploymentError          an endpoint elsewhere does not answer with the release
    ├── StoreUnavailableError    a store did not answer: retrying may help        (also ConnectionError)
    ├── RunFailedError           a DAG run that somebody waited for did not succeed
    └── StackError               the local stack did not start or stop

An error says four things: what went wrong, what was found, what is allowed and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class EvergreenError(Exception):
    """Root of every error raised on purpose.

    Args:
        what: What went wrong, in one sentence without its final stop.
        found: What was there.
        allowed: What would have been right.
        remedy: What to do next, as an instruction.
    """

    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, found: str, allowed: str, remedy: str) -> None:
        super().__init__(what, found, allowed, remedy)
        self.what = what
        self.found = found
        self.allowed = allowed
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}.\n  found:   {self.found}\n  allowed: {self.allowed}\n  do:      {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.found, self.allowed, self.remedy), self.__dict__)


def _rebuild(kind: type[EvergreenError], what: str, found: str, allowed: str, remedy: str) -> EvergreenError:
    """Restore an error that crossed a process boundary (keyword arguments do not survive pickling)."""
    return kind(what, found=found, allowed=allowed, remedy=remedy)


@dataclass(frozen=True)
class Problem:
    """One mistake at one place of one file."""

    file: str
    line: int
    """Counted from 1; 0 when the file itself is the problem."""
    column: int
    """Counted from 1; 0 when the line as a whole is meant."""
    path: str
    """Where in the definition, such as `data.tables.weather.join.by[0]`; empty for the whole."""
    what: str
    found: str
    allowed: str
    hint: str = ""
    """The nearest valid word, or what to write instead; empty when none is near."""

    @property
    def place(self) -> str:
        """File, line and column, as editors and terminals link them."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        path = f"{self.path}: " if self.path else ""
        return f"{self.place}: {path}{self.what}; found {self.found}; allowed: {self.allowed}{hint}"


@dataclass(frozen=True)
class FieldProblem:
    """One mistake at one field of one row of a request."""

    row: int | None
    """Counted from 0; none where the request as a whole is meant."""
    field: str
    """Empty where a row as a whole is meant."""
    what: str
    found: str
    allowed: str


class DefinitionError(EvergreenError, ValueError):
    """A model definition is wrong; `problems` holds every mistake, the text the first twenty."""

    http_status = 422
    problems: tuple[Problem, ...] = ()


class SettingsError(EvergreenError, ValueError):
    """The environment does not say, or says wrongly, where things are."""


class RequestError(EvergreenError, ValueError):
    """A run was asked for something it cannot do."""

    http_status = 422


class CallError(RequestError):
    """A call to the gateway cannot be answered as it was made; `status` is the HTTP status, `fields` says where it is wrong."""

    status: int = 422
    fields: tuple[FieldProblem, ...] = ()


class AccessError(CallError):
    """A call to the gateway came with no key that allows it."""

    reason: str = ""
    """One word for it, fit for a counter."""
    retry_after_seconds: int = 0
    """When the caller may ask again; 0 where waiting does not help."""


class DataError(EvergreenError):
    """The data is bad; trying again cannot help."""

    http_status = 422


class LandingError(DataError):
    """A landing file is missing or cannot be read."""


class ErasedError(DataError):
    """What is asked for rested on rows that somebody has had erased: it cannot be read or computed again, by design."""


class DataValidationError(DataError):
    """An expectation of severity `fail` was not met."""


class FeatureError(DataError):
    """The user's feature code broke its contract."""


class NotEnoughRowsError(DataError):
    """There are too few rows to learn from or to judge on."""


class RegistryError(EvergreenError):
    """The registry refuses."""

    http_status = 409


class DigestMismatchError(RegistryError):
    """Bytes are not the bytes that were decided on."""


class UndecidedError(RegistryError):
    """A release has no decision record that allows it."""

    http_status = 403


class PromotionConflictError(RegistryError):
    """Somebody else moved the champion meanwhile."""


class SmokeTestError(EvergreenError):
    """A release does not answer as it did when it was judged."""


class DeploymentError(EvergreenError):
    """An endpoint elsewhere does not answer with the release."""

    http_status = 502


class StoreUnavailableError(EvergreenError, ConnectionError):
    """A store did not answer; trying again may help."""

    http_status = 503
    retryable = True


class RunFailedError(EvergreenError):
    """A DAG run that somebody waited for did not succeed."""


class StackError(EvergreenError):
    """The local stack did not start or did not stop."""
