"""The short way for events that differ in their text alone: it says what decoding would have said."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swelld.adapters.base import Adapter, Answer, Decoder, Delta, Garbled, Kind, Options, ServerError, Truncated
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions


def decoder(adapter: type[Adapter], *, stream: bool = True) -> Decoder:
    """A fresh one."""
    return adapter(Options(model="m", stream=stream)).decoder()


def sent(document: Any) -> bytes:
    """One event, as servers send it."""
    return b"data: " + json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def chat(text: str, name: str = "content", **more: Any) -> bytes:
    """One event of a chat."""
    return sent({"id": "c-1", "model": "sim", "choices": [{"delta": {name: text}, "finish_reason": None}], **more})


def completion(text: str, name: str = "text", **more: Any) -> bytes:
    """One event of a text completion."""
    return sent({"id": "c-1", "model": "sim", "choices": [{name: text, "finish_reason": None}], **more})


def llamacpp(text: str, name: str = "content", **more: Any) -> bytes:
    """One event of llama.cpp's own format."""
    return sent({"index": 0, name: text, "stop": False, "model": "sim", **more})


FORMATS = ((OpenAIChat, chat), (OpenAICompletions, completion), (LlamaCpp, llamacpp))


TEXTS = st.one_of(
    st.sampled_from([" word", "sim", "id", "c-1", "content", "another text", "null", "", '"', "\\", "\n", "é", "€"]),
    st.text(max_size=6).filter(lambda text: text.isprintable()),
)
NAMES = st.sampled_from(["reasoning_content", "reasoning", "refusal", "role"])
MORE = st.fixed_dictionaries(
    {},
    optional={
        "usage": st.sampled_from([None, {"prompt_tokens": 1}]),
        "stop": st.booleans(),
        "error": st.sampled_from([None, None, None, "busy"]),
        "created": st.integers(0, 1),
    },
)
CHANGES = st.sampled_from(
    [
        (b'"finish_reason":null', b'"finish_reason":"stop"'),
        (b'"content":', b'"content":"x","content":'),
        (b",", b",\ndata: "),
        (b"data: ", b"data:"),
        (b"\n\n", b"\r\n\r\n"),
        (b"word", b"\xff"),
        (b"word", b"\x01"),
        (b"word", b"\\u0041"),
        (b'"model":"sim"', b'"model":"another model"'),
        (b"[", b"[{},"),
    ]
)
ODD = st.sampled_from(
    [
        *(
            b"event: x\n",
            b"event: error\n",
            b": note\n\n",
            b"data: [DONE]\n\n",
            b"\n",
            b"\r",
            b"data: ",
            b"data: oops\n\n",
        )
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[type[Adapter], list[bytes]]:
    """A wire format and its events, most of them alike."""
    adapter, event = draw(st.sampled_from(FORMATS))
    events = []
    for _ in range(draw(st.integers(0, 10))):
        what = draw(st.integers(0, 9))
        if what < 5:
            events.append(event(draw(TEXTS)))
        elif what < 6:
            events.append(event(draw(TEXTS), draw(NAMES)))
        elif what < 7:
            events.append(event(draw(TEXTS), **draw(MORE)))
        elif what < 9:
            events.append(event(" word").replace(*draw(CHANGES), 1))
        else:
            events.append(draw(ODD))
    return adapter, events


def told(reader: Decoder, reads: list[bytes], *, short: bool) -> tuple[list[tuple[int, Kind | None]], object]:
    """Tokens, by the number of their read and their kind (None by the short way), and how it ended."""
    tokens: list[tuple[int, Kind | None]] = []
    try:
        for number, data in enumerate(reads):
            if short and reader.again(data):
                tokens.append((number, None))
            else:
                tokens += [(number, delta.kind) for delta in reader.feed(data)]
        return tokens, reader.close()
    except (ServerError, Garbled, Truncated) as error:
        return tokens, (type(error), str(error))


@given(streams(), st.lists(st.integers(0, 1000), max_size=3))
@example((OpenAIChat, [chat("a"), chat("b"), b"data: [DONE]\n\n", chat("c")]), [])
@example((OpenAIChat, [chat("a"), b"event: error\n", chat("b")]), [])
@example((OpenAIChat, [chat("a"), chat("b", usage={"prompt_tokens": 1}), chat("c"), chat("d")]), [])
def test_the_short_way_says_what_decoding_says(
    format_and_events: tuple[type[Adapter], list[bytes]], cuts: list[int]
) -> None:
    adapter, events = format_and_events
    stream = b"".join(events)
    ends = [sum(map(len, events[:number])) for number in range(len(events) + 1)]
    bounds = sorted({*ends, *(place for place in cuts if place < len(stream))})
    reads = [stream[start:end] for start, end in pairwise(bounds)]
    tokens, end = told(decoder(adapter), reads, short=True)
    expected, expected_end = told(decoder(adapter), reads, short=False)
    assert end == expected_end
    assert [number for number, _ in tokens] == [number for number, _ in expected]
    before: set[Kind | None] = set()
    for (_, kind), (_, true) in zip(tokens, expected, strict=True):
        assert kind is true or (kind is None and true in before)
        before.add(true)


@pytest.mark.parametrize(("adapter", "token"), FORMATS)
def test_after_one_token_the_next_ones_need_no_decoding(adapter: type[Adapter], token: Callable[[str], bytes]) -> None:
    reader = decoder(adapter)
    assert not reader.again(token("sim"))
    assert reader.feed(token("zoo")) == [Delta(Kind.CONTENT, "zoo")]
    assert [reader.again(token(text)) for text in (" word", "sim", " a, b!", "x" * 4000)] == [True] * 4
    assert [reader.again(token(text)) for text in ("", '"', "\n", "é", "x" * 5000)] == [False] * 5
    assert reader.feed(token("\n")) == [Delta(Kind.CONTENT, "\n")]
    assert reader.again(token(" word"))
    assert not reader.again(token(" word") * 2)
    assert not reader.again(token(" word")[:-1])


def test_not_in_the_middle_of_an_event_nor_after_the_end() -> None:
    reader = decoder(OpenAIChat)
    reader.feed(chat("a"))
    reader.feed(b": half a comment")
    assert not reader.again(chat("b"))
    reader.feed(b"\n\n")
    assert reader.again(chat("b"))
    reader.feed(b"data: [DONE]\n\n")
    assert not reader.again(chat("c"))


@pytest.mark.parametrize(
    "event",
    [
        chat("a").replace(b'"finish_reason":null', b'"finish_reason":"stop"'),
        chat("a", usage={"prompt_tokens": 1, "completion_tokens": 1}),
        sent({"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "a"}}]}),
        sent({"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}}]}),
        chat("a").replace(b"data: ", b"data:"),
        chat("a").replace(b"\n\n", b"\r\n\r\n"),
        chat("a").replace(b",", b",\ndata: ", 1),
        chat("sim").replace(b'"model":"sim",', b"").replace(b"]}", b'],"model":"sim"}'),
        chat("another text"),
    ],
)
def test_nothing_is_learned_from_an_event_that_says_more(event: bytes) -> None:
    reader = decoder(OpenAIChat)
    assert reader.feed(event)
    assert not reader.again(event)


def test_what_an_event_leaves_behind_is_as_it_was() -> None:
    reader = decoder(OpenAIChat)
    reader.feed(sent({"choices": [{"delta": {}, "finish_reason": "length"}], "usage": {"prompt_tokens": 7}}))
    reader.feed(chat("a"))
    answer = reader.close()
    assert (answer.finish_reason, answer.usage and answer.usage.input_tokens) == ("length", 7)


def test_reasoning_and_answer_each_have_their_short_way() -> None:
    reader = decoder(OpenAIChat)
    reader.feed(chat("hm", "reasoning_content"))
    assert reader.again(chat("so", "reasoning_content"))
    assert not reader.again(chat("yes"))
    reader.feed(chat("yes"))
    assert reader.again(chat("no"))


def test_a_server_whose_events_always_differ_is_not_learned_from_for_ever() -> None:
    reader = decoder(OpenAIChat)
    for number in range(4):
        reader.feed(chat("a", created=number))
        assert reader.again(chat("b", created=number)) is (number < 4)
    reader.feed(chat("a", created=4))
    assert not reader.again(chat("b", created=4))
    assert reader.again(chat("b", created=3))


def test_an_answer_that_is_not_streamed_has_no_short_way() -> None:
    reader = decoder(OpenAIChat, stream=False)
    body = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'
    assert not reader.again(body)
    reader.feed(body)
    assert not reader.again(body)
    assert reader.close() == Answer("stop", None, "a")
