"""Errors as servers word them: read from a body or an event, with a capped excerpt of what cannot be read."""

from typing import Any, Final

import msgspec

from swelld.adapters.base import ServerError

MAX_EXCERPT: Final = 300
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes raises that are no JSON, not of the type that is wanted, or nested beyond all measure."""


def excerpt(data: bytes) -> str:
    """The beginning of some bytes on one line, fit for a message."""
    text = " ".join(data[: 4 * MAX_EXCERPT].decode("utf-8", "replace").split())
    return text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…"


def read_error(body: bytes) -> ServerError | None:
    """The error that a JSON body reports, None if it is no error.

    Known shapes: `{"error": {"message", "code"}}`, `{"error": "text"}`, `{"object": "error", "message", "code"}`
    and `{"detail": ...}`.
    """
    try:
        content = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    if not isinstance(content, dict):
        return None
    if content.get("error") is not None:
        return server_error(content["error"])
    if content.get("object") == "error":
        return server_error(content)
    return server_error(content["detail"]) if "detail" in content else None


def raise_error(body: bytes) -> None:
    """Raise the error that a JSON body reports, if it reports one."""
    error = read_error(body)
    if error is not None:
        raise error


def server_error(content: Any) -> ServerError:
    """An error from what a server put under `error`: an object with message and code, or anything else."""
    if not isinstance(content, dict):
        return ServerError(_text(content))
    message = content.get("message") or content
    return ServerError(_text(message), _status(content.get("code")) or _status(content.get("status_code")))


def _text(content: Any) -> str:
    return excerpt(content.encode() if isinstance(content, str) else msgspec.json.encode(content))


def _status(code: Any) -> int | None:
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    return code if isinstance(code, int) and 100 <= code <= 599 else None
