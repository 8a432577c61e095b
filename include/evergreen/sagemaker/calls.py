"""Calls to AWS: what did not come through is to be tried again, what was refused is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from evergreen.errors import DeploymentError, EvergreenError, StoreUnavailableError

if TYPE_CHECKING:
    from evergreen.sagemaker.documents import Document

_PASSING = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "InternalFailure",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
}
"""AWS's words for: later."""
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
}
_FIRST_PASSING_STATUS = 500


class Operation(Protocol):
    """One operation of a client, such as `client.describe_endpoint`."""

    def __call__(self, **request: object) -> Document:
        """Call it."""


def call(what: str, operation: Operation, **request: object) -> Document:
    """Call AWS.

    Args:
        what: What is done, for messages.
        operation: The client's method.
        **request: Its document.

    Raises:
        StoreUnavailableError: AWS did not answer, or asks for patience.
        DeploymentError: AWS refuses.
    """
    try:
        return operation(**request)
    except (ClientError, BotoCoreError) as error:
        raise _told(what, error) from error


def find(what: str, operation: Operation, **request: object) -> Document | None:
    """Call AWS for the description of something that may not be there.

    Raises:
        StoreUnavailableError: AWS did not answer, or asks for patience.
        DeploymentError: AWS refuses.
    """
    try:
        return operation(**request)
    except ClientError as error:
        if _is_absent(error):
            return None
        raise _told(what, error) from error
    except BotoCoreError as error:
        raise _told(what, error) from error


def is_said_of(error: EvergreenError, *words: str) -> bool:
    """Return whether AWS refused with one of these words in its message."""
    return isinstance(error, DeploymentError) and any(word in error.found for word in words)


def _is_absent(error: ClientError) -> bool:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    is_told_so = any(words in message for words in ("Could not find", "does not exist", "not found", "cannot be found"))
    return code in ("ResourceNotFound", "ResourceNotFoundException") or (code.startswith("Validation") and is_told_so)


def _told(what: str, error: ClientError | BotoCoreError) -> EvergreenError:
    if isinstance(error, NoCredentialsError | ParamValidationError):
        return _refused(
            what, str(error), "credentials and a document that AWS takes", "look at the connection and at model.yaml"
        )
    if not isinstance(error, ClientError):
        return _later(what, f"{type(error).__name__}: {str(error)[:200]}")
    told = error.response["Error"]
    code, message = told.get("Code", ""), told.get("Message", "")[:500]
    # A model's own failure has a status of its own (424) and is the model's matter.
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _PASSING or status >= _FIRST_PASSING_STATUS:
        return _later(what, f"{code}: {message}")
    if code in _DENIED:
        remedy = "give the connection's user this right, or correct its keys; docs/guides/sagemaker.md lists what is needed"
        return _refused(what, f"{code}: {message}", "a user that may do so", remedy)
    remedy = "correct release.sagemaker in model.yaml, or what AWS names; then clear this task"
    return _refused(what, f"{code}: {message}", "what AWS takes", remedy)


def _later(what: str, found: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"AWS did not do it: {what}",
        found=found,
        allowed="an answer",
        remedy="try again in a while; where it lasts, look at the service's limits and its health",
    )


def _refused(what: str, found: str, allowed: str, remedy: str) -> DeploymentError:
    return DeploymentError(f"AWS refuses: {what}", found=found, allowed=allowed, remedy=remedy)
