"""Whole answers: recorded from the real llama.cpp server, and hand-written for other servers."""

import http.client
import io
from pathlib import Path
from typing import Any, Final, cast

import pytest

import tiny_model
from swelld.adapters.base import Adapter, Answer, Decoder, Delta, Kind, Options, ServerError, Usage
from swelld.adapters.errors import read_error
from swelld.adapters.openai import OpenAIChat, OpenAICompletions
from testdata.transcripts.record import EXCHANGES

TRANSCRIPTS = Path(__file__).parents[2] / "testdata" / "transcripts"
STEPS = pytest.mark.parametrize("step", [1, 13, 1460, 10**6])

C, R, T = Kind.CONTENT, Kind.REASONING, Kind.TOOL


class Recorded:
    """Stands for the socket that http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def makefile(self, _mode: str) -> io.BytesIO:
        """What the server sent."""
        return self._file


def recorded(name: str) -> tuple[int, bytes]:
    """Status and body of a recorded answer."""
    response = http.client.HTTPResponse(cast("Any", Recorded((TRANSCRIPTS / "llamacpp" / f"{name}.http").read_bytes())))
    response.begin()
    return response.status, response.read()


def read(decoder: Decoder, body: bytes, step: int) -> tuple[list[Delta], Answer]:
    """All deltas and the answer of a body that arrives in pieces of one size."""
    deltas = [delta for start in range(0, len(body), step) for delta in decoder.feed(body[start : start + step])]
    return deltas, decoder.close()


def test_every_exchange_is_recorded_and_nothing_else() -> None:
    assert {path.stem for path in (TRANSCRIPTS / "llamacpp").iterdir()} == set(EXCHANGES)


HELLO = tiny_model.chat_tokens(["Hello there"])
LUCK = len(tiny_model.tokens("it rained since luck"))
QUICK = len(tiny_model.tokens("the quick brown"))


FINISH: Final = {
    "chat-stream": ("length", Usage(HELLO, 12, 0)),
    "chat-stream-two-choices": ("length", Usage(HELLO, 5, HELLO - 1)),  # it counts each choice by itself
    "chat-whole": ("stop", Usage(HELLO, 119, HELLO - 1)),
    "completions-stream": ("stop", Usage(LUCK, 6, 0)),
    "completions-whole": ("length", Usage(QUICK, 12, 0)),
    "native-stream": ("stop", Usage(LUCK, 6, LUCK - 1)),
    "native-stream-length": ("length", Usage(QUICK, 3, QUICK - 1)),
    "native-whole": ("length", Usage(QUICK, 12, QUICK - 1)),
}


@STEPS
@pytest.mark.parametrize("name", FINISH)
def test_recorded_answers_are_the_known_ones(name: str, step: int) -> None:
    exchange = EXCHANGES[name]
    status, body = recorded(name)
    deltas, answer = read(exchange.adapt().decoder(), body, step)
    chain = tiny_model.CHAT_WORDS if exchange.adapter is OpenAIChat else tiny_model.answer(exchange.text)
    words = chain[: exchange.max_tokens]
    reason, usage = FINISH[name]
    assert status == 200
    assert (answer.finish_reason, answer.usage) == (reason, usage)
    if not exchange.stream:
        assert (deltas, answer.text) == ([], "".join(words))
    elif name == "chat-stream-two-choices":
        assert sorted(delta.text for delta in deltas) == sorted(words * 2)
    else:
        assert deltas == [Delta(C, word) for word in words]


def test_the_recorded_error_names_its_reason() -> None:
    status, body = recorded("error-too-long")
    error = read_error(body)
    assert error is not None
    assert (status, error.status) == (400, 400)
    assert str(error).startswith("request (3000 tokens) exceeds the available context size (2048 tokens)")


HANDWRITTEN: Final[dict[str, tuple[type[Adapter], list[Delta], Answer]]] = {
    "vllm-chat": (
        OpenAIChat,
        [Delta(C, "The sky"), Delta(C, " is blue"), Delta(C, ".")],
        Answer("stop", Usage(9, 6, 8)),
    ),
    "vllm-completions-continuous-usage": (
        OpenAICompletions,
        [Delta(C, "One"), Delta(C, " two three"), Delta(C, " four")],
        Answer("length", Usage(4, 4)),
    ),
    "vllm-reasoning": (
        OpenAIChat,
        [Delta(R, "Let me"), Delta(R, " think"), Delta(R, "."), Delta(C, "42")],
        Answer("stop", Usage(5, 7, None, 5)),
    ),
    "openai-tool-call": (
        OpenAIChat,
        [Delta(T, "get_weather"), Delta(T, '{"city":'), Delta(T, '"Köln"}')],
        Answer("tool_calls", Usage(60, 16, 0, 0)),
    ),
    "dynamo-chat": (OpenAIChat, [Delta(C, "Hi"), Delta(C, " there")], Answer("length", Usage(3, 2))),
    "dynamo-empty-text": (OpenAIChat, [], Answer("length", Usage(3, 8))),
    "transformers-serve": (OpenAIChat, [Delta(C, "Hello"), Delta(C, " world")], Answer("stop", Usage(6, 3))),
    "sse-starlette": (OpenAIChat, [Delta(C, "a"), Delta(C, "b")], Answer("stop")),
}
ERRORS: Final = {
    "vllm-error": ("EngineCore encountered an issue.", 500),
    "vllm-error-unwrapped": ("This model's maximum context length is 2048 tokens.", 400),
    "openai-error-named": ("The server had an error while processing your request.", None),
    "openrouter-error": ("Provider is overloaded", 429),
    "llamacpp-error-field": ("Context size has been exceeded.", 500),
    "named-error-event": ("upstream connect error", None),
}


def test_every_hand_written_transcript_is_read_and_says_what_it_is() -> None:
    files = {path.stem: path.read_text(encoding="utf-8") for path in (TRANSCRIPTS / "handwritten").iterdir()}
    assert set(files) == {*HANDWRITTEN, *ERRORS}
    assert all(text.startswith(": written by hand") for text in files.values())


@STEPS
@pytest.mark.parametrize("name", HANDWRITTEN)
def test_hand_written_answers(name: str, step: int) -> None:
    adapter, deltas, answer = HANDWRITTEN[name]
    body = (TRANSCRIPTS / "handwritten" / f"{name}.sse").read_bytes()
    assert read(adapter(Options(model="m")).decoder(), body, step) == (deltas, answer)


@STEPS
@pytest.mark.parametrize("name", ERRORS)
def test_hand_written_errors(name: str, step: int) -> None:
    body = (TRANSCRIPTS / "handwritten" / f"{name}.sse").read_bytes()
    with pytest.raises(ServerError) as raised:
        read(OpenAIChat(Options(model="m")).decoder(), body, step)
    assert (str(raised.value), raised.value.status) == ERRORS[name]
