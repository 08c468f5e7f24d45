"""The adapters against the real llama.cpp server: text, token counts and reasons are known exactly."""

import http.client
from urllib.parse import urlsplit

import pytest

import tiny_model
from llamacpp_server import LlamaCpp as Server
from swelld.adapters.base import Adapter, Answer, Delta, Kind, Options
from swelld.adapters.endpoint import endpoint
from swelld.adapters.errors import read_error
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions
from swelld.prompt import Message, Prompt

pytestmark = pytest.mark.llamacpp

ADAPTERS = pytest.mark.parametrize("adapter", [OpenAIChat, OpenAICompletions, LlamaCpp])
TEXT = "Tell me of the tea then"


def ask(server: Server, adapter: Adapter, prompt: Prompt) -> tuple[int, list[Delta], Answer | bytes]:
    """Status, deltas, and the answer or the body of an error."""
    parts = urlsplit(server.url)
    call = adapter.encode(prompt)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("POST", endpoint(server.url, adapter.path), call.body, dict(call.headers))
        response = connection.getresponse()
        if response.status != 200:
            return response.status, [], response.read()
        decoder = adapter.decoder()
        deltas = [delta for data in iter(lambda: response.read1(8192), b"") for delta in decoder.feed(data)]
        return response.status, deltas, decoder.close()
    finally:
        connection.close()


@ADAPTERS
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("max_tokens", [1, 20, 500])
def test_text_counts_and_reasons(llamacpp: Server, adapter: type[Adapter], stream: bool, max_tokens: int) -> None:
    options = Options(model=llamacpp.model, stream=stream)
    prompt = Prompt(name="p", messages=(Message("user", TEXT),), max_tokens=max_tokens)
    before = llamacpp.metrics()["tokens_predicted_total"]
    status, deltas, answer = ask(llamacpp, adapter(options), prompt)
    known = llamacpp.words if adapter is OpenAIChat else tiny_model.answer(TEXT)
    words = known[:max_tokens]
    assert status == 200
    assert isinstance(answer, Answer)
    assert deltas == ([Delta(Kind.CONTENT, word) for word in words] if stream else [])
    assert answer.text == ("" if stream else "".join(words))
    assert answer.finish_reason == ("length" if max_tokens < len(known) else "stop")
    assert answer.usage is not None
    assert answer.usage.output_tokens == min(max_tokens, len(known) + 1)  # the end is a token too
    assert answer.usage.output_tokens == llamacpp.metrics()["tokens_predicted_total"] - before
    assert answer.usage.input_tokens == (
        tiny_model.chat_tokens([TEXT]) if adapter is OpenAIChat else len(tiny_model.tokens(TEXT))
    )


@ADAPTERS
@pytest.mark.parametrize("stream", [True, False])
def test_cached_tokens(llamacpp: Server, adapter: type[Adapter], stream: bool) -> None:
    text = f"{adapter.path} {stream}" + " bread cheese soup apples honey tea" * 20
    prompt = Prompt(name="p", messages=(Message("user", text),), max_tokens=2)
    asked = adapter(Options(model=llamacpp.model, stream=stream, extra_body={"id_slot": 0}))
    for _ in range(2):
        status, _, answer = ask(llamacpp, asked, prompt)
        assert status == 200
    assert isinstance(answer, Answer)
    assert answer.usage is not None
    assert answer.usage.input_tokens is not None
    assert answer.usage.cached_tokens == answer.usage.input_tokens - 1


@ADAPTERS
def test_extra_fields_reach_the_server(llamacpp: Server, adapter: type[Adapter]) -> None:
    asked = adapter(Options(model=llamacpp.model, max_tokens=150, extra_body={"ignore_eos": True}))
    _, deltas, answer = ask(llamacpp, asked, Prompt(name="p", messages=(Message("user", TEXT),)))
    assert isinstance(answer, Answer)
    assert answer.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 150
    assert len(deltas) > 118


@ADAPTERS
def test_a_prompt_that_is_too_long(llamacpp: Server, adapter: type[Adapter]) -> None:
    prompt = Prompt(name="p", messages=(Message("user", " the" * (llamacpp.context + 1)),))
    status, _, body = ask(llamacpp, adapter(Options(model=llamacpp.model)), prompt)
    assert isinstance(body, bytes)
    error = read_error(body)
    assert error is not None
    assert (status, error.status) == (400, 400)
    assert "exceeds the available context size" in str(error)
