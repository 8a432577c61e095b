"""The pages of the models: all of them in one table, and one model's story."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.definitions import read_definitions
from evergreen.errors import RequestError
from evergreen.reports.page import render_page
from evergreen.status.queries import LAST, model_status
from evergreen.status.rollouts import release_history, standing_in_words

if TYPE_CHECKING:
    from evergreen.settings import Settings
    from evergreen.status.answers import ModelStatus


def models_page(settings: Settings) -> str:
    """Return a page with every model: its champion, its last decision, its last scored day.

    Raises:
        StoreUnavailableError: Our database or a store did not answer.
    """
    definitions = read_definitions(settings.definitions_dir).sound
    found = [model_status(settings, definitions[name], last=1) for name in sorted(definitions)]
    return render_page("models.html", title="Models", models=found)


def model_page(settings: Settings, name: str) -> str:
    """Return the page of one model: champion, decisions with reasons, releases, nights.

    Raises:
        RequestError: There is no such model.
        StoreUnavailableError: Our database or a store did not answer.
    """
    definitions = read_definitions(settings.definitions_dir).sound
    if name not in definitions:
        raise RequestError(
            "there is no such model",
            found=name[:100],
            allowed=", ".join(sorted(definitions)[:10]) or "no model is defined",
            remedy="choose one of the models that are defined, or add its model.yaml",
        )
    found = model_status(settings, definitions[name])
    reports = {record.id: _below_reports(settings, record.report_uri) for record in found.decisions}
    reports |= {night.decision_id: _below_reports(settings, night.report_uri) for night in found.nights}
    validation = _below_reports(settings, found.validation.report_uri) if found.validation else ""
    history = release_history(settings, name, last=2 * LAST)
    return render_page(
        "model.html",
        title=found.model,
        status=found,
        rollout=_rollout(found),
        history=[(event, _below_reports(settings, event.report_uri)) for event in history],
        reports=reports,
        validation_report=validation,
    )


def _rollout(found: ModelStatus) -> str:
    if found.rollout is None or found.rollout_since is None:
        return ""
    return standing_in_words(found.rollout, found.rollout_since, datetime.now(UTC))


def _below_reports(settings: Settings, uri: str) -> str:
    """Return a report's path below the reports folder, empty where it lies elsewhere."""
    root = settings.reports_uri.rstrip("/") + "/"
    return uri.removeprefix(root) if uri.startswith(root) else ""
