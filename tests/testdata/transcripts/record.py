"""Record what the real llama.cpp server answers, byte for byte, HTTP head included.

Run it again with `PYTHONPATH=tests python -m testdata.transcripts.record` when the wheel or the exchanges change.
"""

import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import llamacpp_server
import tiny_model
from swelld.adapters.base import Adapter, Options
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions
from swelld.prompt import Message, Prompt

FOLDER: Final = Path(__file__).parent / "llamacpp"


@dataclass(frozen=True)
class Exchange:
    """One request to record the answer of."""

    adapter: type[Adapter]
    text: str
    max_tokens: int | None = None
    stream: bool = True
    extra_body: dict[str, Any] | None = None

    def prompt(self) -> Prompt:
        """What is asked."""
        return Prompt(name="recorded", messages=(Message("user", self.text),), max_tokens=self.max_tokens)

    def adapt(self) -> Adapter:
        """The adapter that asks it and reads the answer."""
        return self.adapter(Options(model="tiny", stream=self.stream, extra_body=self.extra_body or {}))


EXCHANGES: Final = {
    "chat-stream": Exchange(OpenAIChat, "Hello there", 12),
    "chat-stream-two-choices": Exchange(OpenAIChat, "Hello there", 5, extra_body={"n": 2}),
    "chat-whole": Exchange(OpenAIChat, "Hello there", stream=False),
    "completions-stream": Exchange(OpenAICompletions, "it rained since luck", 100),
    "completions-whole": Exchange(OpenAICompletions, "the quick brown", 12, stream=False),
    "native-stream": Exchange(LlamaCpp, "it rained since luck", 100),
    "native-stream-length": Exchange(LlamaCpp, "the quick brown", 3),
    "native-whole": Exchange(LlamaCpp, "the quick brown", 12, stream=False),
    "error-too-long": Exchange(OpenAICompletions, " the" * 3000, 12),
}


def answer_to(url: str, exchange: Exchange) -> bytes:
    """All bytes that come back before the server closes the connection."""
    adapter = exchange.adapt()
    call = adapter.encode(exchange.prompt())
    fields = [("Host", "localhost"), ("Connection", "close"), ("Content-Length", str(len(call.body))), *call.headers]
    head = f"POST {adapter.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(head.encode() + call.body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def main() -> None:
    """Write one file for each exchange."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.gguf"
        tiny_model.write_gguf(model)
        with llamacpp_server.running(model) as server:
            for name, exchange in EXCHANGES.items():
                (FOLDER / f"{name}.http").write_bytes(answer_to(server.url, exchange))


if __name__ == "__main__":
    main()
