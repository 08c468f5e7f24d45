"""The description of the API (OpenAPI 3.1), made from the same table that serves it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from swelld import __version__
from swelld.api.control import NAME_PATTERN
from swelld.api.idempotency import HEADER
from swelld.api.problems import MEDIA_TYPE, ProblemDocument
from swelld.api.route import EVENTS, JSON, Route

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_EVENTS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Each event.",
    "properties": {"event": {"enum": ["progress", "end"]}, "id": _TEXT, "data": _TEXT},
}
_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_MEANINGS: Final = {
    101: "The WebSocket is open",
    200: "Done",
    201: "The run has begun; Location says where it is",
    202: "It will be done",
    204: "Done; there is nothing to say",
    400: "The request cannot be read",
    401: "Who is asking? A token is missing or not known",
    403: "Not allowed",
    404: "There is no such thing",
    408: "The body came too slowly",
    409: "Not in the present state of things",
    413: "The request is too large",
    415: "The body is not JSON",
    421: "Not a name of this server",
    422: "Understood, but wrong; `errors` says what",
    426: "Only over a WebSocket",
    429: "Too often, or too many",
    500: "A fault of swelld",
    503: "Not now",
}
_ANYWHERE: Final = (400, 401, 403, 421, 422, 429, 500)
_WITH_BODY: Final = (408, 413, 415)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """JSON data."""
    types = [ProblemDocument, *_types(routes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = {id(one): schema for one, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "swelld",
            "version": __version__,
            "description": "Start, watch, change and end load on LLM inference servers. Times are in seconds, "
            "moments in Unix seconds where they are numbers.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"password": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _types(routes: Sequence[Route]) -> Iterator[Any]:
    for route in routes:
        yield from (one for one in (route.body, route.answer) if one is not None)


def _operation(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "description": f"Needs the role `{route.role}`." if route.role else "For everybody.",
        "parameters": list(_parameters(route)),
        "responses": {str(status): _problem(status) for status in _errors(route)} | _good(route, schemas),
    }
    if route.body is not None:
        content = {JSON: {"schema": schemas[id(route.body)]}}
        operation["requestBody"] = {"required": route.body_required, "content": content}
    if route.role is None:
        operation["security"] = [{}]
    return operation


def _good(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    content = {media: {"schema": _EVENTS if media == EVENTS else _TEXT} for media in route.media if media != JSON}
    if route.answer is not None:
        content[JSON] = {"schema": schemas[id(route.answer)]}
    elif JSON in route.media:
        content[JSON] = {"schema": {"type": "object"}}
    good: dict[str, Any] = {"description": _MEANINGS[route.status]}
    if content:
        good["content"] = content
    if route.once:
        good["headers"] = {
            "Location": {"description": "Where the run is", "schema": {"type": "string"}},
            "Idempotent-Replayed": {"description": "Given before", "schema": {"const": "true"}},
        }
    found = {str(route.status): good}
    if EVENTS in route.media:
        found["204"] = {"description": "The end was seen already: do not come again"}
    if route.path.startswith("/-/") and route.media:
        found["503"] = {"description": "It is not", "content": content}
    return found


def _errors(route: Route) -> list[int]:
    statuses = {*_ANYWHERE, *route.errors, *(_WITH_BODY if route.body is not None else ())}
    return sorted(statuses | ({404} if "{" in route.path else set()))


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=ProblemDocument.__name__)}
    return {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": NAME_PATTERN}}
    schema = msgspec.json.schema(route.query)
    properties = schema["$defs"][route.query.__name__]
    for name, described in properties["properties"].items():
        required = name in properties.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": _without_null(described)}
    if route.once:
        described = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        text = "The same key gives the same answer for a day, and starts nothing twice"
        yield {"name": HEADER, "in": "header", "required": False, "description": text, "schema": described}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; it is never null."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    plain = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    return plain | branches[0] if len(branches) == 1 else schema


def _name(route: Route) -> str:
    """From the name of the method that answers."""
    words = route.endpoint.__name__.split("_")
    return words[0] + "".join(word.capitalize() for word in words[1:])
