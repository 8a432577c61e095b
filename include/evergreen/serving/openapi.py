"""The gateway's OpenAPI document: a path for every live model, with its own fields and examples that it accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.serving.http import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.request_schema import RequestSchema

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time", "description": "RFC 3339 with offset, years 1900 to 2199"},
}
_REFUSALS = {
    "400": "The body is not JSON.",
    "401": "The gateway wants a key, and there is none or none that is good.",
    "403": "The key does not open this model.",
    "404": "There is no such model.",
    "408": "The body did not come in time.",
    "413": "The body is too large, or holds too many rows.",
    "415": "The body is not application/json.",
    "422": "Fields are missing, unknown or of a wrong type; `fields` names each.",
    "429": "The key is used too often; `retry-after` says when it may be again.",
    "503": "The model is being loaded, the gateway is busy, or answers cannot be kept.",
}
_PLAIN = {"health": "How the gateway is", "ready": "Whether every model is live", "models": "What is live"}


def openapi_document(releases: Sequence[LoadedRelease], version: str) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1.

    Args:
        releases: What is live.
        version: Of Evergreen.
    """
    paths: dict[str, Any] = {}
    schemas = _shared_schemas()
    for release in releases:
        row = f"{release.model}.Row"
        schemas[row] = row_schema(release.schema)
        schemas[f"{release.model}.Request"] = _request_schema(row, release.schema)
        paths[f"/models/{release.model}/predict"] = {"post": _predict(release)}
        paths[f"/models/{release.model}/invocations"] = {"post": _invocations(release)}
        paths[f"/models/{release.model}"] = {"get": _get(f"What {release.model} is", f"describe_{release.model}")}
    for name, meaning in _PLAIN.items():
        paths[f"/{name}"] = {"get": _get(meaning, name)}
    paths["/metrics"] = {"get": _text("Counters, as Prometheus reads them", "metrics")}
    info = {"title": "Evergreen gateway", "version": version, "description": "Answers of the live release of every model."}
    # The empty one: a gateway without a file of keys asks for none.
    either: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}, {}]
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    components = {"schemas": schemas, "securitySchemes": schemes}
    return {"openapi": "3.1.0", "info": info, "security": either, "paths": paths, "components": components}


def row_schema(schema: RequestSchema) -> dict[str, Any]:
    """Return the JSON schema of a request row."""
    own = {name: _field(kind, name in schema.required_values) for name, kind in schema.row_types.items()}
    joined = {name: _field(kind, False) for name, kind in schema.optional_types.items()}
    return {"type": "object", "properties": own | joined, "required": list(own), "additionalProperties": False}


def example_request(release: LoadedRelease) -> dict[str, Any]:
    """Return a body that the release accepts."""
    return {"rows": msgspec.to_builtins(list(release.examples))}


def example_invocation(release: LoadedRelease) -> dict[str, Any]:
    """Return the same in MLflow's first format."""
    rows: list[Mapping[str, Any]] = example_request(release)["rows"]
    return {"dataframe_split": {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}}


def _field(kind: str, is_required: bool) -> dict[str, Any]:
    return _TYPES[kind] if is_required else {"anyOf": [_TYPES[kind], {"type": "null"}]}


def _request_schema(row: str, schema: RequestSchema) -> dict[str, Any]:
    rows = {"type": "array", "items": _reference(row), "minItems": 1, "maxItems": schema.max_rows}
    many = {"type": "object", "properties": {"rows": rows}, "required": ["rows"], "additionalProperties": False}
    return {"anyOf": [many, _reference(row)]}


def _predict(release: LoadedRelease) -> dict[str, Any]:
    rows = example_request(release)
    examples = {"rows": {"summary": "Several rows", "value": rows}, "row": {"summary": "One row", "value": rows["rows"][0]}}
    return {
        "operationId": f"predict_{release.model}",
        "summary": release.title,
        "description": f"Rows as the model's table has them; a body of at most {MAX_BODY_BYTES} bytes.",
        "requestBody": _body(_reference(f"{release.model}.Request"), examples),
        "responses": _responses("PredictResponse"),
    }


def _invocations(release: LoadedRelease) -> dict[str, Any]:
    example = {"dataframe_split": {"summary": "As MLflow's client sends it", "value": example_invocation(release)}}
    return {
        "operationId": f"invoke_{release.model}",
        "summary": f"{release.title} In MLflow's scoring protocol.",
        "requestBody": _body(_reference("Invocation"), example),
        "responses": _responses("InvocationsResponse"),
    }


def _body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}


def _responses(name: str) -> dict[str, Any]:
    refused = {status: _response(meaning, _reference("Refusal")) for status, meaning in _REFUSALS.items()}
    return {"200": _response("One answer per row, in the order of the rows.", _reference(name)), **refused}


def _get(meaning: str, operation: str) -> dict[str, Any]:
    responses = {"200": _response(f"{meaning}.", {"type": "object"})}
    if operation == "ready":
        responses["503"] = _response("Not yet.", {"type": "object"})
    if operation.startswith("describe_"):
        responses |= {
            status: _response(_REFUSALS[status], _reference("Refusal")) for status in ("401", "403", "404", "429", "503")
        }
    return {"operationId": operation, "summary": f"{meaning}.", "responses": responses}


def _text(meaning: str, operation: str) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": operation,
        "summary": f"{meaning}.",
        "responses": {"200": {"description": meaning, "content": content}},
    }


def _response(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _shared_schemas() -> dict[str, Any]:
    text, yes_or_no = {"type": "string"}, {"type": "boolean"}
    prediction = _object(
        {
            "key": {"type": "string", "description": "The key of the row that was asked about"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "Of a yes"},
            "decision": {**yes_or_no, "description": "Yes from the release's threshold on"},
            "review": {**yes_or_no, "description": "Too uncertain to act on alone: for a person to decide"},
        }
    )
    predictions = {"predictions": {"type": "array", "items": _reference("Prediction")}}
    names = ("model", "release_version", "bundle_digest", "features_as_of", "request_id")
    problem = _object(
        {"row": {"anyOf": [{"type": "integer"}, {"type": "null"}]}} | _texts("field", "what", "found", "allowed"),
    )
    fields = {"fields": {"type": "array", "items": _reference("FieldProblem")}}
    error = _object(_texts("what", "found", "allowed", "remedy") | fields)
    table = {"columns": {"type": "array", "items": text}, "data": {"type": "array", "items": {"type": "array"}}}
    records = {"type": "array", "items": {"type": "object"}}
    return {
        "Prediction": prediction,
        "PredictResponse": _object(_texts(*names) | predictions),
        "InvocationsResponse": _object(predictions),
        "FieldProblem": problem,
        "Refusal": _object({"error": error, "request_id": text}),
        "Invocation": {
            "type": "object",
            "anyOf": [
                _one("dataframe_split", {"type": "object", "properties": table, "required": ["columns", "data"]}),
                _one("dataframe_records", records),
                _one("instances", records),
                _one("inputs", {"anyOf": [{"type": "object"}, records]}),
            ],
        },
    }


def _one(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {name: schema}, "required": [name]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _texts(*names: str) -> dict[str, Any]:
    return _each(names, {"type": "string"})


def _each(names: Iterable[str], schema: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(names, schema)
