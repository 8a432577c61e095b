"""A notifier whose text is never a template."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseNotifier


class PlainNotifier(BaseNotifier):
    """Base of our notifiers: called, it notifies, and renders nothing.

    Text that names values from the data must not be rendered: a template may read connections. And where a DAG runs in this
    process, the DAG that Airflow hands over has no template environment to render with.
    """

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Leave everything as it is."""
