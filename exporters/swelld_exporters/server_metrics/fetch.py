"""One blocking GET with a deadline and a limit to its size: made for a thread, and cheap to import."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Final, NamedTuple
from urllib.parse import urlsplit

LARGEST: Final = 16 * 2**20
"""Bytes of a page; more is an error."""
_PIECE: Final = 65536


class Page(NamedTuple):
    """Where metrics are: a URL, reached over a Unix socket where one is given."""

    url: str
    socket_path: str | None = None


class Answer(NamedTuple):
    """Status and body of what came back."""

    status: int
    body: str


def fetch(page: Page, headers: Mapping[str, str], context: ssl.SSLContext | None, timeout: float) -> Answer:
    """Get a page; OSError with what was wrong if there is no whole answer in time."""
    deadline = monotonic() + timeout
    parts = urlsplit(page.url)
    connection = _connection(page, context, timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", path, headers={"accept": "text/plain;version=0.0.4", **headers})
        response = connection.getresponse()
        return Answer(response.status, _body(response, deadline).decode(errors="replace"))
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP: {type(error).__name__} {error}".rstrip()) from error
    finally:
        connection.close()


def _body(response: http.client.HTTPResponse, deadline: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise OSError(f"the page is larger than {LARGEST // 2**20} MiB")
        if monotonic() > deadline:
            raise TimeoutError("the page did not come in time")
    return b"".join(pieces)


def _connection(page: Page, context: ssl.SSLContext | None, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(page.url)
    if page.socket_path is not None:
        return _UnixConnection(page.socket_path, timeout)
    host = parts.hostname or "localhost"
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Overrides the one that asks for an address."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
