"""Airflow connections as addresses that stages understand."""

from __future__ import annotations


def connection_url(connection_id: str) -> str:
    """Return the SQLAlchemy URL of an Airflow connection, whose password never touches a definition."""
    from airflow.sdk import BaseHook

    return str(BaseHook.get_connection(connection_id).get_uri())
