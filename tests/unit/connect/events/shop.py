"""A small model that listens to events."""

from datetime import UTC, datetime

from evergreen.definitions import ModelDefinition

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def shop(**changes: object) -> ModelDefinition:
    value = {
        "name": "shop",
        "title": "Will it come back?",
        "owner": "tests",
        "data": {
            "rows": "orders",
            "first_day": "2026-01-01",
            "label": {"table": "returns", "column": "returned", "equals": True},
            "tables": {
                "orders": {"files": "orders/{day}.csv", "key": ["id"], "event_time": "at"},
                "returns": {"files": "returns/{day}.csv", "key": ["id"], "event_time": "at", "available_after": "14d"},
            },
        },
        "events": {},
    }
    return ModelDefinition.model_validate(value | changes)
