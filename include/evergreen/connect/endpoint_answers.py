"""Asking an endpoint itself: a few rows, to which it must say what the release says here."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.sagemaker.packing import Package
    from evergreen.settings import Settings


def difference(definition: ModelDefinition, settings: Settings, client: Any, package: Package) -> str:
    """Return in words how an endpoint's answers differ from those of the package that it should answer with; empty if not.

    Args:
        definition: The model.
        settings: Where things are.
        client: A boto3 client of `sagemaker-runtime`.
        package: The release, and the online inputs that were packed with it.

    Raises:
        DeploymentError: AWS refuses.
        StoreUnavailableError: AWS or a store did not answer.
    """
    import msgspec

    from evergreen.errors import DeploymentError
    from evergreen.sagemaker.calls import call, is_said_of

    section = definition.release.sagemaker
    if section is None:
        return ""
    rows, said = _said_here(definition, settings, package)
    body = msgspec.json.encode({"instances": list(rows)})
    request = {"EndpointName": section.endpoint, "ContentType": "application/json", "Accept": "application/json", "Body": body}
    try:
        answer = call("ask the endpoint", client.invoke_endpoint, **request)
    except DeploymentError as error:
        if is_said_of(error, "ModelError"):
            return f"asked about {len(rows)} rows, it answers with an error: {error.found}"
        raise
    found = _probabilities(answer["Body"].read())
    tolerance = definition.release.smoke_tolerance
    if len(found) == len(said) and all(abs(one - other) <= tolerance for one, other in zip(found, said, strict=True)):
        return ""
    return f"asked about {len(rows)} rows, it says {found[:5]} and the release {list(said[:5])}"


def _said_here(definition: ModelDefinition, settings: Settings, package: Package) -> tuple[Sequence[Any], Sequence[float]]:
    """Return a few rows as a caller would send them, and the probabilities that the release gives them."""
    from evergreen.files import Files
    from evergreen.serving.release_cache import KnownRelease, ReleaseCache
    from evergreen.serving.release_loading import load_release
    from evergreen.serving.release_metrics import ReleaseMetrics

    known = KnownRelease.of(package.version, package.online)
    with tempfile.TemporaryDirectory(prefix="evergreen-endpoint-") as folder:
        cache = ReleaseCache(Path(folder), Files.from_settings(settings))
        release = load_release(known, definition, cache, ReleaseMetrics())
    return release.examples, release.answer(release.schema.checked(release.examples)).probability


def _probabilities(body: bytes) -> list[float]:
    """Return what an endpoint has answered; nothing where that is no answer."""
    try:
        return [float(one["probability"]) for one in json.loads(body)["predictions"]]
    except (ValueError, KeyError, TypeError):
        return []
