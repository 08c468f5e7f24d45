"""Request bodies: what a prompt and a target's options have in common for every JSON wire format."""

from typing import Any

import msgspec

from swelld.adapters.base import Call, Options


def encoded(body: dict[str, Any], options: Options) -> Call:
    """A JSON call: fields without a value are left out, then `extra_body` is merged over the rest."""
    present = {name: value for name, value in body.items() if value is not None}
    return Call(msgspec.json.encode(merged(present, options.extra_body)))


def merged(body: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): objects are merged, null removes a field, anything else replaces it."""
    if not patch:
        return body
    result = dict(body)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            old = result.get(name)
            result[name] = merged(old if isinstance(old, dict) else {}, value)
        else:
            result[name] = value
    return result
