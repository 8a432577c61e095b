"""What the gateway of the local stack says of a model, for `evergreen status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.settings import Settings

_TIMEOUT_SECONDS = 2.0
_NO_GOOD_KEY = (401, 403)


def key_header(settings: Settings) -> dict[str, str]:
    """Return the header with which a gateway is asked: the key of the settings, or none."""
    return {"authorization": f"Bearer {settings.gateway_key}"} if settings.gateway_key else {}


def gateway_lines(settings: Settings, model: str) -> Iterator[str]:
    """Yield a line for what the running stack's gateway serves, and one for each of its problems; nothing without a stack."""
    import requests

    from evergreen.cli.local import layout_of
    from evergreen.cli.stack.health import loopback_session
    from evergreen.cli.stack.lifecycle import find_running

    layout = layout_of(settings)
    if find_running(layout) is None:
        return
    session = loopback_session()
    session.headers.update(key_header(settings))
    try:
        card = session.get(f"{layout.gateway_url}/models/{model}", timeout=_TIMEOUT_SECONDS)
        health = session.get(f"{layout.gateway_url}/health", timeout=_TIMEOUT_SECONDS).json()
    except (requests.RequestException, ValueError):
        yield f"[yellow]{layout.gateway_url} does not answer[/]"
        return
    if card.status_code in _NO_GOOD_KEY:
        yield f"[yellow]{escape(layout.gateway_url)} wants a key that may read {escape(model)}: set EVERGREEN_GATEWAY_KEY[/]"
    elif card.ok:
        found = card.json()
        age = f"features of {found['features_as_of']}, {found['feature_age_seconds'] / 3600:.1f} h old"
        yield escape(f"version {found['release_version']} at {layout.gateway_url}, {age}")
    else:
        yield f"[yellow]{escape(layout.gateway_url)} serves no version of it[/]"
    for problem in health.get("problems", ()):
        if problem["model"] in ("", model):
            yield f"[yellow]{escape(problem['what'])}: {escape(problem['found'])}[/]"
