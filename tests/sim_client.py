"""A blocking client over a raw socket: it sees every byte of an answer, and how the connection ended."""

import json
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
NATIVE = "/completion"


def chat(**more: Any) -> dict[str, Any]:
    """The body of a streamed chat request."""
    return {"messages": [{"role": "user", "content": "tell me"}], "stream": True, **more}


def encoded(path: str, body: Any = None, method: str = "POST", headers: str = "", version: str = "1.1") -> bytes:
    """A whole request; `headers` are complete lines, a body that is bytes goes as it is."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/{version}\r\nhost: sim\r\n{headers}content-length: {len(data)}\r\n\r\n"
    return head.encode() + data


@dataclass
class Reply:
    """One response; `chunks` are the pieces of a chunked body, `whole` is False if the connection ended inside it."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    whole: bool = True

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON of each complete event, `[DONE]` as a string."""
        data = [event.removeprefix(b"data: ") for event in self.body.split(b"\n\n")[:-1]]
        return ["[DONE]" if event == b"[DONE]" else json.loads(event) for event in data]


class Peer:
    """One connection."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(parts.path)
        else:
            self.socket = socket.create_connection((parts.hostname or "", parts.port or 0), timeout)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def ask(self, path: str, body: Any = None, method: str = "POST", headers: str = "") -> Reply:
        """Send a request and read its response."""
        self.socket.sendall(encoded(path, body, method, headers))
        return self.reply()

    def reply(self) -> Reply:
        """Read one response."""
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name] = value.strip()
        reply = Reply(status, headers)
        if "content-length" in headers:
            size = int(headers["content-length"])
            reply.chunks.append(self.file.read(size))
            reply.whole = len(reply.body) == size
        else:
            self._chunked(reply)
        return reply

    def rest(self) -> tuple[bytes, OSError | None]:
        """What still comes, and the error (a reset, a time-out) that ends it; None after a clean end."""
        got = b""
        try:
            while data := self.socket.recv(65536):
                got += data
        except OSError as error:
            return got, error
        return got, None

    def _chunked(self, reply: Reply) -> None:
        while head := self.file.readline():
            size = int(head, 16)
            data = self.file.read(size + 2)
            if len(data) < size + 2:
                reply.chunks.append(data)
                break
            if not size:
                return
            reply.chunks.append(data[:-2])
        reply.whole = False

    def at_end(self) -> bool:
        """Whether the server closes the connection, cleanly, with nothing more to say."""
        return self.file.read(1) == b""


def ask(url: str, path: str, body: Any = None, method: str = "POST", headers: str = "") -> Reply:
    """One request on a connection of its own."""
    with Peer(url) as peer:
        return peer.ask(path, body, method, headers)


def truth(url: str) -> Any:
    """The simulator's ledger."""
    return ask(url, "/sim/truth", method="GET").json
