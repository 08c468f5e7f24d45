"""Where a request goes: the path of an endpoint below whatever kind of URL the user wrote."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

_VERSION: Final = re.compile(r"v\d+\w*")
_SAFE: Final = "/%:@!$&'()*+,;=~?"  # what a path or a query may hold unquoted, escapes included
_ENDPOINTS: Final = {
    "/chat/completions": "openai_chat",  # before /completions, which it ends with
    "/completions": "openai_completions",
    "/completion": "llamacpp",
}


def endpoint(url: str, path: str) -> str:
    """The request path, query included, for a target's URL and an adapter's `path`.

    The URL is the server's base, with or without `/v1` or another version, behind any prefix, or the full endpoint
    already. On a Unix socket the URL's path is the socket, so the adapter's path is the answer. ValueError if the URL
    is the full endpoint of another wire format.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return path
    base = quote(parts.path, safe=_SAFE).rstrip("/")
    query = "?" + quote(parts.query, safe=_SAFE) if parts.query else ""
    tail = path.removeprefix("/v1")
    written = next((known for known in _ENDPOINTS if base.endswith(known)), None)
    if written == tail:
        return base + query
    if written is not None:
        raise ValueError(
            f"{url} is the endpoint of `api: {_ENDPOINTS[written]}`: choose that one, "
            f"or end the URL before {written} to use `api: {_ENDPOINTS[tail]}`"
        )
    if tail == path:
        return base.removesuffix("/v1") + path + query
    has_version = any(_VERSION.fullmatch(segment) for segment in base.split("/"))
    return base + (tail if has_version else path) + query
