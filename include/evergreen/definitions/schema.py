"""JSON schema of model.yaml, which lets an editor complete, explain and check it while it is written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from evergreen.definitions.model import ModelDefinition
from evergreen.definitions.words import format_duration

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_FILE = "model.schema.json"
"""Beside the folders of the definitions, so that `$schema=../model.schema.json` finds it."""


class _Generator(GenerateJsonSchema):
    """Writes default durations as a definition does, not as ISO 8601."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def definition_schema() -> dict[str, Any]:
    """Return the schema: draft 7, which editors know, with the fields' meanings as descriptions."""
    schema = ModelDefinition.model_json_schema(schema_generator=_Generator)
    _tidy(schema)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}


def schema_text() -> str:
    """Return the schema as the committed file holds it."""
    return json.dumps(definition_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(path: Path) -> bool:
    """Write the schema; return False when the file already said the same."""
    text = schema_text()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def _tidy(node: Any) -> None:
    """Drop what only repeats: titles made from names, and defaults of whole sections."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if isinstance(node.get("default"), dict | list) and node["default"]:
        del node["default"]
    for key, child in node.items():
        # Under `properties` the keys are field names: a field may itself be called title or default.
        for value in child.values() if key in ("properties", "$defs") else [child]:
            _tidy(value)
